import { defineQueueable, type HandlerContext } from 'millrace'
import { z } from 'zod'
import type { Account } from './account.ts'

/** "Always protect new async functionality with feature flags". */
export const flag = 'Account_Async_Processing'
const maxRetries = 5

/** Another user has the row: it passes. */
export class UnableToLockRow extends Error {
  readonly code = 'UNABLE_TO_LOCK_ROW'
}

/** No retry will mend the record. */
export class MissingIndustry extends Error {}

/**
 * The standards document's AccountProcessingQueueable with its AccountProcessingFinalizer. What differs: the number of the attempt is the
 * engine's (there it was a private field that the finalizer could not read), a retry waits for its backoff instead of being enqueued at
 * once, errors that no retry mends are not retried, and logs need no save.
 */
export const accountProcessing = defineQueueable({
  name: 'AccountProcessingQueueable',
  input: z.object({ accountIds: z.array(z.string()) }),
  scenario: 'Account Processing',
  retry: { attempts: 1 + maxRetries, abortOn: [MissingIndustry] },

  async execute({ accountIds }, ctx) {
    if (!(await ctx.flags.isEnabled(flag))) {
      ctx.log.info('Feature disabled, skipping processing')
      ctx.skip('feature disabled')
    }
    ctx.log.info('Processing {0} accounts', [accountIds.length])
    try {
      const accounts =
        await ctx.sql<Account>`select Id, Name, Industry from account where Id in ${accountIds}`
      await processAccounts(accounts, ctx)
    } catch (error) {
      ctx.log.rethrow('Failed to process accounts', error)
    }
  },

  finalizer(outcome, ctx) {
    if (outcome.result === 'SUCCESS') ctx.log.info('Account processing completed successfully')
    else if (outcome.willRetry) ctx.log.warn('Retrying account processing. Attempt: {0}', [outcome.attempt])
    else ctx.log.error('Max retries exceeded for account processing', outcome.exception)
  },
})

async function processAccounts(accounts: readonly Account[], ctx: HandlerContext): Promise<void> {
  const ids = accounts.map(({ Id }) => Id)
  const locked = await ctx.sql<{ account_id: string }>`
    select account_id from locked where account_id in ${ids} and until_attempt > ${ctx.attempt}`
  for (const account of accounts) {
    if (locked.some(({ account_id }) => account_id === account.Id)) {
      throw new UnableToLockRow(`unable to obtain exclusive access to ${account.Id}`)
    }
    if (account.Industry === null) {
      ctx.log.error('Account without industry', {
        recordId: account.Id,
        error: new MissingIndustry(account.Name),
      })
      throw new MissingIndustry(`${account.Name} has no industry`)
    }
    await ctx.sql`update account set Status__c = 'Processed' where Id = ${account.Id}`
  }
}
