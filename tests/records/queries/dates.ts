import { inZones, type QueryGroup } from './query-case.ts'

const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Pacific/Auckland', 'Asia/Kolkata'] as const

const plain = [
  ...['YESTERDAY', 'TODAY', 'TOMORROW', 'LAST_WEEK', 'THIS_WEEK', 'NEXT_WEEK', 'LAST_MONTH', 'THIS_MONTH'],
  ...['NEXT_MONTH', 'LAST_90_DAYS', 'NEXT_90_DAYS', 'LAST_QUARTER', 'THIS_QUARTER', 'NEXT_QUARTER'],
  ...['LAST_YEAR', 'THIS_YEAR', 'NEXT_YEAR', 'LAST_FISCAL_QUARTER', 'THIS_FISCAL_QUARTER'],
  ...['NEXT_FISCAL_QUARTER', 'LAST_FISCAL_YEAR', 'THIS_FISCAL_YEAR', 'NEXT_FISCAL_YEAR'],
]
const counted = ['DAYS', 'WEEKS', 'MONTHS', 'QUARTERS', 'YEARS', 'FISCAL_QUARTERS', 'FISCAL_YEARS'].flatMap(
  (unit) => [`LAST_N_${unit}:2`, `NEXT_N_${unit}:2`, `N_${unit}_AGO:2`],
)
export const literals = [...plain, ...counted]

const operators = ['=', '!=', '<', '<=', '>', '>='] as const
/** Every literal in every zone over a day and over an instant of each way to store them; all operators come round. */
export const dateLiterals: QueryGroup = literals.flatMap((literal, at) => {
  const operator = (more: number) => operators[(at + more) % operators.length]
  return inZones(
    [
      `SELECT Id FROM Account WHERE Founded__c = ${literal}`,
      `SELECT Id FROM Account WHERE CreatedDate = ${literal}`,
      `SELECT Id FROM Opportunity WHERE CloseDate ${operator(1)} ${literal} AND CreatedDate ${operator(3)} ${literal}`,
      `SELECT Id FROM Contact WHERE LastSeen__c ${operator(2)} ${literal} OR Birthdate ${operator(4)} ${literal}`,
    ],
    zones,
  )
})

/** The same words on days when clocks change, at ends of years, on a leap day. */
const nows = [
  ...['2026-03-29T00:59:59.999Z', '2026-03-29T01:00:00Z', '2026-10-25T00:30:00Z', '2026-11-01T05:30:00Z'],
  ...['2025-12-31T23:59:59.999Z', '2026-01-01T00:00:00Z', '2024-02-29T12:00:00Z', '2026-12-31T11:30:00Z'],
]
export const dateLiteralsAtEdges: QueryGroup = nows.flatMap((now) =>
  inZones(
    [
      'SELECT Id FROM Account WHERE CreatedDate = TODAY OR Founded__c = TOMORROW',
      'SELECT Id FROM Account WHERE CreatedDate = LAST_N_DAYS:3',
      'SELECT Id FROM Opportunity WHERE CreatedDate < THIS_WEEK AND CloseDate >= LAST_N_MONTHS:6',
      'SELECT Id FROM Contact WHERE LastSeen__c = THIS_QUARTER OR LastSeen__c = LAST_YEAR',
    ],
    ['Europe/Berlin', 'America/New_York', 'Pacific/Auckland'],
    Date.parse(now),
  ),
)

export const dateLiteralsMore: QueryGroup = inZones(
  [
    'SELECT Id FROM Account WHERE CreatedDate = LAST_N_DAYS:0',
    'SELECT Id FROM Account WHERE CreatedDate > LAST_N_DAYS:365 AND CreatedDate < NEXT_N_WEEKS:1',
    'SELECT Id FROM Contact WHERE Account.CreatedDate = THIS_YEAR',
    'SELECT Id FROM Contact WHERE Account.Founded__c != LAST_YEAR',
    'SELECT Id FROM Account WHERE NOT CreatedDate = THIS_YEAR',
    'SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Opportunity WHERE CloseDate = NEXT_QUARTER)',
    'SELECT COUNT() FROM Task WHERE ActivityDate <= TODAY AND IsClosed = false',
    'SELECT Id FROM Account WHERE CreatedDate = N_DAYS_AGO:1 OR CreatedDate = N_DAYS_AGO:0',
    'SELECT Id FROM Account WHERE Founded__c = LAST_N_YEARS:30',
    'SELECT Id FROM Account WHERE Founded__c = NEXT_N_YEARS:1',
  ],
  ['America/Los_Angeles', 'Asia/Tokyo', 'Europe/London'],
)

const functions = [
  ...['CALENDAR_MONTH', 'CALENDAR_QUARTER', 'CALENDAR_YEAR', 'DAY_IN_MONTH', 'DAY_IN_WEEK', 'DAY_IN_YEAR'],
  ...['FISCAL_MONTH', 'FISCAL_QUARTER', 'FISCAL_YEAR', 'WEEK_IN_MONTH', 'WEEK_IN_YEAR'],
]
export const dateFunctions: QueryGroup = [
  ...functions.flatMap((name) => [
    `SELECT ${name}(CloseDate) part, COUNT(Id) n FROM Opportunity GROUP BY ${name}(CloseDate)`,
    `SELECT ${name}(CreatedDate), COUNT(Id) n FROM Account GROUP BY ${name}(CreatedDate) ORDER BY ${name}(CreatedDate)`,
    `SELECT Id FROM Contact WHERE ${name}(LastSeen__c) = 1`,
    `SELECT Id FROM Opportunity WHERE ${name}(CreatedDate) >= 4`,
  ]),
  'SELECT HOUR_IN_DAY(CreatedDate) h, COUNT(Id) n FROM Account GROUP BY HOUR_IN_DAY(CreatedDate)',
  'SELECT HOUR_IN_DAY(LastSeen__c) h, COUNT(Id) n FROM Contact GROUP BY HOUR_IN_DAY(LastSeen__c)',
  'SELECT DAY_ONLY(CreatedDate) d, COUNT(Id) n FROM Opportunity GROUP BY DAY_ONLY(CreatedDate)',
  'SELECT Id FROM Account WHERE DAY_ONLY(CreatedDate) = 2026-03-31',
  'SELECT Id FROM Account WHERE DAY_ONLY(CreatedDate) > 2026-03-31',
  'SELECT Id FROM Account WHERE CALENDAR_YEAR(CreatedDate) IN (2025, 2027)',
  'SELECT Id FROM Account WHERE CALENDAR_YEAR(Founded__c) != 2026',
  'SELECT Id FROM Account WHERE CALENDAR_YEAR(Founded__c) = null',
  'SELECT Id FROM Contact WHERE CALENDAR_MONTH(Account.CreatedDate) = 3',
  'SELECT CALENDAR_YEAR(CloseDate) y, CALENDAR_MONTH(CloseDate) m, SUM(Amount) s FROM Opportunity GROUP BY CALENDAR_YEAR(CloseDate), CALENDAR_MONTH(CloseDate) ORDER BY CALENDAR_YEAR(CloseDate), CALENDAR_MONTH(CloseDate)',
  'SELECT CALENDAR_YEAR(Account.CreatedDate) y, COUNT(Id) n FROM Contact GROUP BY CALENDAR_YEAR(Account.CreatedDate)',
  'SELECT CALENDAR_YEAR(CloseDate) y FROM Opportunity GROUP BY CALENDAR_YEAR(CloseDate) HAVING CALENDAR_YEAR(CloseDate) > 2000 AND COUNT(Id) > 1',
]

export const timeZones: QueryGroup = inZones(
  [
    'SELECT HOUR_IN_DAY(convertTimezone(CreatedDate)) h, COUNT(Id) n FROM Account GROUP BY HOUR_IN_DAY(convertTimezone(CreatedDate))',
    'SELECT DAY_ONLY(convertTimezone(CreatedDate)) d, COUNT(Id) n FROM Opportunity GROUP BY DAY_ONLY(convertTimezone(CreatedDate)) ORDER BY DAY_ONLY(convertTimezone(CreatedDate))',
    'SELECT CALENDAR_QUARTER(convertTimezone(LastSeen__c)) q, COUNT(Id) n FROM Contact GROUP BY CALENDAR_QUARTER(convertTimezone(LastSeen__c))',
    'SELECT Id FROM Account WHERE DAY_ONLY(convertTimezone(CreatedDate)) = 2026-04-01',
    'SELECT Id FROM Account WHERE CALENDAR_YEAR(convertTimezone(CreatedDate)) = 2026',
    'SELECT Id FROM Opportunity WHERE WEEK_IN_YEAR(convertTimezone(CreatedDate)) = 1',
    'SELECT Id FROM Contact WHERE DAY_IN_WEEK(convertTimezone(Account.CreatedDate)) = 1',
    'SELECT Id FROM Account WHERE HOUR_IN_DAY(CreatedDate) = 23',
  ],
  ['Europe/Berlin', 'America/New_York', 'Pacific/Auckland', 'Asia/Kathmandu'],
)
