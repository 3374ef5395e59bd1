import type { Row } from '../storage/transaction.ts'

/** Runs one statement in the transaction that the cursor belongs to. */
export type Run = (text: string, values: readonly unknown[]) => Promise<Row[]>

/**
 * A query's rows through a cursor of the server, in pages of at most `size`. The cursor sees the instant at which it was declared, and is
 * closed with the last page or when the consumer stops.
 */
export async function* fetchPages(
  run: Run,
  name: string,
  { text, values }: { readonly text: string; readonly values: readonly unknown[] },
  size: number,
): AsyncGenerator<Row[], void, undefined> {
  await run(`declare ${name} no scroll cursor for ${text}`, values)
  try {
    for (;;) {
      const rows = await run(`fetch forward ${size} from ${name}`, [])
      if (rows.length > 0) yield rows
      if (rows.length < size) return
    }
  } finally {
    // Of a transaction that has failed or ended nothing is left to close.
    await run(`close ${name}`, []).catch(() => undefined)
  }
}
