import type { Records } from 'millrace'
import type { MassActionLog } from './objects.ts'

/** What the document's monitoring queries select of a job. */
export interface AsyncApexJob {
  readonly Id: string
  readonly ApexClass: { readonly Name: string }
  readonly Status: string
  readonly ExtendedStatus: string | null
  readonly NumberOfErrors: number
  readonly JobItemsProcessed: number
  readonly TotalJobItems: number
  readonly CreatedDate: Date
  readonly CompletedDate: Date | null
}

export type StuckJob = Pick<AsyncApexJob, 'Id' | 'ApexClass' | 'Status' | 'CreatedDate'>

const hour = 3_600_000

/** The document's AsyncJobMonitor.getRecentFailures, query as written. */
export async function getRecentFailures(
  records: Records,
  hours: number,
  now = Date.now(),
): Promise<AsyncApexJob[]> {
  const lookback = new Date(now - hours * hour)
  return records.queryText<AsyncApexJob>(
    `
    SELECT Id, ApexClass.Name, Status, ExtendedStatus,
           NumberOfErrors, JobItemsProcessed, TotalJobItems,
           CreatedDate, CompletedDate
    FROM AsyncApexJob
    WHERE Status = 'Failed'
    AND CreatedDate >= :lookback
    ORDER BY CreatedDate DESC
    LIMIT 100`,
    { lookback },
  )
}

/** AsyncJobMonitor.alertOnStuckJobs, which there logs what it finds. */
export async function stuckJobs(records: Records, now = Date.now()): Promise<StuckJob[]> {
  const stuckThreshold = new Date(now - 2 * hour)
  return records.queryText<StuckJob>(
    `
    SELECT Id, ApexClass.Name, Status, CreatedDate
    FROM AsyncApexJob
    WHERE Status IN ('Queued', 'Preparing', 'Processing')
    AND CreatedDate < :stuckThreshold`,
    { stuckThreshold },
  )
}

/** The guard of BatchScheduler, query as written. What it lacks is mended by the schedule in account-cleanup.ts. */
export async function isRunning(records: Records): Promise<boolean> {
  const runningJobs = await records.queryText(`
    SELECT Id FROM AsyncApexJob
    WHERE ApexClass.Name = 'AccountCleanupBatch'
    AND Status IN ('Queued', 'Preparing', 'Processing')`)
  return runningJobs.length > 0
}

/** "Query recent MAS execution logs". */
export async function recentLogs(records: Records): Promise<MassActionLog[]> {
  return records.queryText<MassActionLog>(`
    SELECT Id, Mass_Action_Configuration__c,
           Mass_Action_Configuration__r.Name,
           Job_ID__c, Submitted_Date__c,
           Total_Batches__c, Processed_Batches__c,
           Message__c
    FROM Mass_Action_Log__c
    WHERE Submitted_Date__c = LAST_N_DAYS:7
    ORDER BY Submitted_Date__c DESC
    LIMIT 100`)
}
