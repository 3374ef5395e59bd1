import { aggregates, groups, havings, subtotals } from './aggregates.ts'
import { comparisons, joins, likes, lists, logic, multipicklists, nulls, texts } from './conditions.ts'
import { dateFunctions, dateLiterals, dateLiteralsAtEdges, dateLiteralsMore, timeZones } from './dates.ts'
import { children, deleted, polymorphic, scopes, tenancy } from './relations.ts'
import { counts, limits, orders, selects } from './selects.ts'
import type { QueryGroup } from './query-case.ts'

/** All queries, by feature. */
export const queries: Readonly<Record<string, QueryGroup>> = {
  ...{
    selects,
    counts,
    orders,
    limits,
    nulls,
    comparisons,
    texts,
    likes,
    lists,
    multipicklists,
    logic,
    joins,
  },
  ...{ aggregates, groups, havings, subtotals, children, polymorphic, scopes, deleted, tenancy },
  ...{ dateLiterals, dateLiteralsMore, dateLiteralsAtEdges, dateFunctions, timeZones },
}
