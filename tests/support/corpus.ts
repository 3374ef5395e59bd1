import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Where the corpus is: data of others that stands beside the repository, never in it. Undefined where it is not; then its tests are left out. */
export const corpus = [process.env['MILLRACE_CORPUS'], '../shared/corpus', '../../shared/corpus'].find(
  (place) => place !== undefined && place !== '' && existsSync(join(place, 'soql/queries.jsonl')),
)
