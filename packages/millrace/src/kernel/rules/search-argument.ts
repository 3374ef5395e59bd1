import { invalidOption } from './option-fields.ts'

/** What a job can be found by; tags have the path `#tag`. */
export interface SearchArgument {
  readonly path: string
  readonly value: string
}

const mostPathBytes = 200
/** With its path a value is one entry of an index, which PostgreSQL bounds at about 2,700 bytes. */
const mostValueBytes = 2_000

/** Throws MILL_OPTIONS_INVALID for an argument that not every database can look up. */
export function checkSearchArgument({ path, value }: SearchArgument, where: string): void {
  refuseLonger(path, mostPathBytes, `${where}: the path of a searchable argument`)
  refuseLonger(value, mostValueBytes, `${where}: the value of the searchable argument ${path}`)
}

function refuseLonger(text: string, most: number, where: string): void {
  const bytes = new TextEncoder().encode(text).length
  if (bytes > most) throw invalidOption(where, `has ${bytes} bytes; at most ${most} are allowed`)
}
