export { createMill } from './mill/create-mill.ts'
export {
  defineConfig,
  type FlexQueueOptions,
  type LimitOptions,
  type MillConfig,
  type QueueOptions,
  type TenantOptions,
} from './mill/config.ts'
export { loadConfig, type LoadedConfig } from './mill/load-config.ts'
export { migrate } from './mill/migrate.ts'
export {
  introspectObjects,
  listObjects,
  objectStatements,
  triggerStatements,
  type CreateObjectsOptions,
  type IntrospectOptions,
  type ObjectSummary,
  type TriggerStatementsOptions,
} from './mill/objects.ts'
export type { Mill, MillEnqueueOptions } from './mill/mill.ts'
export type { Job } from './mill/job.ts'
export type { JobList, JobListOptions, Jobs } from './mill/jobs.ts'
export type { AttemptView, JobView } from './mill/job-view.ts'
export type { MillTransaction } from './mill/transaction.ts'
export {
  defineQueueable,
  type FinalizerOutcome,
  type FinalizerResult,
  type QueueableDefinition,
  type QueueableOptions,
} from './tools/queueable/define.ts'
export {
  type CommonOptions,
  type ConcurrencyOptions,
  type Definition,
  type RateLimitOptions,
} from './tools/definition.ts'
export { defineSchedule, type ScheduleDefinition, type ScheduleOptions } from './tools/schedule/define.ts'
export type { ScheduleEnqueueOptions, SchedulePolicies, ScheduleTimes } from './tools/schedule/settings.ts'
export type { Misfire, Overlap } from './tools/schedule/rules.ts'
export type { Weekday, WindowOptions } from './kernel/rules/window.ts'
export type {
  AskedFire,
  Backfilled,
  BackfillOptions,
  CreateScheduleOptions,
  FiresOptions,
  ListSchedulesOptions,
  MillSchedules,
  NextFiresOptions,
  RunScheduleOptions,
  ScheduleBatchOptions,
} from './mill/schedules.ts'
export type { FireView, NextFire, ScheduleView } from './mill/schedule-view.ts'
export type { EnqueueOptions } from './tools/enqueue-options.ts'
export {
  defineBatch,
  type BatchContext,
  type BatchDefinition,
  type BatchEnd,
  type FailedChunk,
  type BatchOptions,
  type BatchSource,
} from './tools/batch/define.ts'
export type { FlexQueue, FlexQueueView, ListFlexQueueOptions } from './mill/flex-queue.ts'
export type { SqlRows } from './tools/batch/sql-source.ts'
export type { CsvSource } from './mill/failed-files.ts'
export type { Batches, FailedRecords, FailedOptions, FailureGroup } from './mill/batches.ts'
export {
  definePipeline,
  type PipelineDefinition,
  type PipelineEnd,
  type PipelineOptions,
} from './tools/pipeline/define.ts'
export {
  step,
  type CommonStepOptions,
  type CursorSource,
  type PipelineContext,
  type Restart,
  type Step,
  type StepOptions,
} from './tools/pipeline/step.ts'
export type { Pipelines, RestartOptions } from './mill/pipelines.ts'
export type { PipelineStatus, StepStatus, StepView, WaitsFor } from './mill/pipeline-status.ts'
export { cursorStep, type CursorStepOptions } from './tools/pipeline/cursor-step.ts'
export {
  approvalStep,
  signalStep,
  type Approval,
  type ApprovalStepOptions,
  type SignalStepOptions,
} from './tools/pipeline/answer-step.ts'
export { batchStep, queueableStep, type ChildStepOptions } from './tools/pipeline/child-step.ts'
export { calloutStep, type CalloutStepOptions } from './tools/pipeline/callout-step.ts'
export {
  delayStep,
  waitUntil,
  type DelayStepOptions,
  type WaitUntilOptions,
} from './tools/pipeline/wait-step.ts'
export type { Progress } from './mill/progress.ts'
export type { AsyncInfo, EnqueuedJob, HandlerContext, ScheduledFire } from './tools/handler-context.ts'
export { defineObject, type ObjectOptions } from './records/object/define-object.ts'
export type { Fields, ObjectDefinition, RecordOf } from './records/object/object.ts'
export {
  boolean,
  currency,
  date,
  datetime,
  id,
  integer,
  integerId,
  integerReference,
  json,
  multipicklist,
  number,
  picklist,
  reference,
  text,
  type Field,
  type FieldType,
} from './records/object/field.ts'
export { defineRole, type RoleDefinition, type RoleOptions } from './records/access/define-role.ts'
export type { ObjectPermissions, Principal } from './records/access/principal.ts'
export type { PrincipalSource } from './records/caller.ts'
export {
  defineTrigger,
  type Change,
  type TriggerDefinition,
  type TriggerOptions,
} from './records/trigger/trigger.ts'
export type { TriggerContext } from './records/env.ts'
export type { QueryTextOptions, Records, Soql, Who } from './records/records.ts'
export type { RecordQuery } from './records/record-query.ts'
export type { QueryOptions, Selection, SortBy, Test, Where } from './records/build-query.ts'
export {
  errorRegistry,
  isMillraceError,
  MillraceError,
  type ErrorCode,
  type ErrorEntry,
} from './kernel/rules/errors.ts'
export type { EngineEvent, EngineListener } from './kernel/runtime/engine-event.ts'
export type { Duration } from './kernel/rules/duration.ts'
export type { RetryOptions } from './kernel/rules/retry.ts'
export type { UniqueOptions } from './kernel/rules/unique-key.ts'
export type { JobStatus, Substatus } from './kernel/rules/status.ts'
export type { FlagSource, Flags } from './govern/flags/flags.ts'
export type { LogEntry, LogSink, LogSource } from './observe/log/entry.ts'
export { stdoutSink } from './observe/log/stdout.ts'
export type { LogLevel } from './observe/log/level.ts'
export type { LogDetails, Logger, RowResult } from './observe/log/logger.ts'
export type { Pause, PauseTarget } from './kernel/storage/controls.ts'
export type { WorkerView } from './kernel/storage/workers.ts'
export type { LimitUsage } from './kernel/storage/limits.ts'
export {
  defineListView,
  type ColumnOption,
  type ListViewDefinition,
  type ListViewOptions,
  type SortOption,
} from './records/saved-query/list-view.ts'
export { defineReport, type ReportDefinition, type ReportOptions } from './records/saved-query/report.ts'
export type { Filter, FilterOperator, FilterValue } from './records/saved-query/filter.ts'
export type { Cell } from './records/saved-query/cell.ts'
export type { ReportGroup } from './records/saved-query/group-tree.ts'
export type { ResultColumn, ResultRow, RowPage, RunSavedQueryOptions } from './records/saved-query/result.ts'
export type { ReportPage, RunReportOptions } from './records/saved-query/run-report.ts'
export type { SavedQuery } from './records/saved-query/saved-query.ts'
export type { QueryVersion, SavedQueryEntry, StoredQuery } from './records/saved-query/stored.ts'
export type { MillSavedQueries, SaveQueryOptions } from './mill/saved-queries.ts'
