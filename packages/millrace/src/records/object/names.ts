/** Names of the database as SOQL people would write them. */

const alreadyGood = /^[A-Z][A-Za-z0-9_]{0,79}$/
const kept = /(ss|us|is|as|os|series|species|news)$/i

/** `flight_legs` is FlightLeg; what begins with a capital is kept. */
export function objectNameOf(table: string): string {
  return alreadyGood.test(table) ? table : singular(pascal(table, 'Table'))
}

/** `owner_id` is OwnerId; what begins with a capital is kept. */
export function fieldNameOf(column: string): string {
  return alreadyGood.test(column) ? column : pascal(column, 'Column')
}

/** Contacts of Contact, Cities of City; a custom object's `__c` becomes `s__r`. */
export function pluralOf(name: string): string {
  if (/.__c$/i.test(name)) return `${pluralOf(name.slice(0, -3))}__r`
  if (/[^aeiou]y$/i.test(name)) return `${name.slice(0, -1)}ies`
  if (/(s|x|z|ch|sh)$/i.test(name)) return `${name}es`
  return `${name}s`
}

/** The name, or with the first number that nobody has; `taken` holds lower-case names and gets the answer. */
export function freeName(name: string, taken: Set<string>): string {
  for (let number = 1; ; number += 1) {
    const tail = number === 1 ? '' : String(number)
    const candidate = `${name.slice(0, 80 - tail.length)}${tail}`
    if (taken.has(candidate.toLowerCase())) continue
    taken.add(candidate.toLowerCase())
    return candidate
  }
}

/** Accents go, other signs part words; at most 80 characters, the first of them a letter. */
function pascal(text: string, fallback: string): string {
  const words = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replaceAll('ß', 'ss')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
  const joined = words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join('')
  const named = /^[A-Za-z]/.test(joined) ? joined : `${fallback}${joined}`
  return named.slice(0, 80)
}

function singular(name: string): string {
  if (kept.test(name)) return name
  if (/[^aeiou]ies$/i.test(name)) return `${name.slice(0, -3)}y`
  if (/(sses|xes|ches|shes)$/i.test(name)) return name.slice(0, -2)
  return /.s$/i.test(name) ? name.slice(0, -1) : name
}
