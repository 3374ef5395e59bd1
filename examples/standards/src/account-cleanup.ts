import { defineBatch, defineSchedule, type RecordOf } from 'millrace'
import { Account } from './objects.ts'

/**
 * The standards document's AccountCleanupBatch. What differs: the scenario is the definition's and holds in each execution (there it was
 * set in `start` alone), and `ctx.state` commits with its chunk, so that a chunk tried again counts nothing twice.
 */
export const accountCleanup = defineBatch({
  name: 'AccountCleanupBatch',
  scenario: 'Account Cleanup Batch',
  state: { recordsProcessed: 0, errorsEncountered: 0 },

  start(_: null, ctx) {
    ctx.log.info('Starting batch job: {0}', [ctx.jobId])
    return ctx.soql<RecordOf<typeof Account>>`
      SELECT Id, Name, LastModifiedDate
      FROM Account
      WHERE LastModifiedDate < LAST_N_YEARS:2
      WITH SECURITY_ENFORCED`
  },

  async execute(scope, ctx) {
    const results = await ctx.records.delete(Account, scope, { allOrNone: false })
    ctx.state.recordsProcessed += results.filter(({ success }) => success).length
    ctx.state.errorsEncountered += results.filter(({ success }) => !success).length
    ctx.log.failures('ERROR', 'Failed to delete account', results)
  },

  finish(_input, ctx) {
    const { recordsProcessed, errorsEncountered } = ctx.state
    ctx.log.info('Batch completed. Processed: {0}, Errors: {1}', [recordsProcessed, errorsEncountered])
    return ctx.state
  },
})

/**
 * Its BatchScheduler. There a query looked for running jobs, and then the batch was enqueued: two could look at once, and a batch that was
 * Holding or delayed was not seen. Here `overlap` is decided in the database, under the schedule's lock, by all of its jobs that have not
 * ended.
 */
export const batchScheduler = defineSchedule({
  name: 'BatchScheduler',
  cron: '0 0 2 * * ?',
  dialect: 'salesforce',
  runs: accountCleanup,
  input: null,
  overlap: 'skip',
})
