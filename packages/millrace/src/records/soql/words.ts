/** The words of SOQL, in capitals. What is not among them is a name of the schema. */
const set = (words: string): ReadonlySet<string> => new Set(words.split(/\s+/))

export const dateFunctions = set(
  `CALENDAR_MONTH CALENDAR_QUARTER CALENDAR_YEAR DAY_IN_MONTH DAY_IN_WEEK DAY_IN_YEAR DAY_ONLY FISCAL_MONTH
   FISCAL_QUARTER FISCAL_YEAR HOUR_IN_DAY WEEK_IN_MONTH WEEK_IN_YEAR`,
)
export const aggregateFunctions = set('AVG COUNT COUNT_DISTINCT MIN MAX SUM')
/** All that may stand before a parenthesis. */
export const functions: ReadonlySet<string> = new Set([
  ...dateFunctions,
  ...aggregateFunctions,
  ...['FIELDS', 'FORMAT', 'TOLABEL', 'CONVERTTIMEZONE', 'GROUPING', 'CUBE', 'ROLLUP'],
])

/** Functions of Salesforce that are refused, with the reason. */
export const refusedFunctions: ReadonlyMap<string, string> = new Map([
  ['DISTANCE', 'objects have no field type for places'],
  ['GEOLOCATION', 'objects have no field type for places'],
  ['CONVERTCURRENCY', 'there are no exchange rates: amounts are compared and shown as they are stored'],
])

/** Ranges of time. */
export const dateLiterals = set(
  `YESTERDAY TODAY TOMORROW LAST_WEEK THIS_WEEK NEXT_WEEK LAST_MONTH THIS_MONTH NEXT_MONTH LAST_90_DAYS NEXT_90_DAYS
   THIS_QUARTER LAST_QUARTER NEXT_QUARTER THIS_YEAR LAST_YEAR NEXT_YEAR THIS_FISCAL_QUARTER LAST_FISCAL_QUARTER
   NEXT_FISCAL_QUARTER THIS_FISCAL_YEAR LAST_FISCAL_YEAR NEXT_FISCAL_YEAR`,
)
/** Ranges of time that take a number: `LAST_N_DAYS:7`. */
export const dateNLiterals = set(
  `NEXT_N_DAYS LAST_N_DAYS N_DAYS_AGO NEXT_N_WEEKS LAST_N_WEEKS N_WEEKS_AGO NEXT_N_MONTHS LAST_N_MONTHS N_MONTHS_AGO
   NEXT_N_QUARTERS LAST_N_QUARTERS N_QUARTERS_AGO NEXT_N_YEARS LAST_N_YEARS N_YEARS_AGO NEXT_N_FISCAL_QUARTERS
   LAST_N_FISCAL_QUARTERS N_FISCAL_QUARTERS_AGO NEXT_N_FISCAL_YEARS LAST_N_FISCAL_YEARS N_FISCAL_YEARS_AGO`,
)

/** Words that begin a clause: none of them stands within a parenthesis of conditions, of a list or of a call. */
export const clauseWords = set('SELECT FROM USING WHERE WITH GROUP HAVING ORDER LIMIT OFFSET FOR')
/** Words that are never names, whatever stands around them. */
export const reservedWords = set('SELECT FROM WHERE HAVING LIMIT AND OR NOT IN LIKE ASC DESC')
