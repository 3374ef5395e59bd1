import { parseArgs } from 'node:util'

export interface Options {
  readonly postgres: { readonly url: string | undefined } | null
  /** Folder of the SQLite file. */
  readonly data: string | undefined
  /** About how long the run takes on SQLite. */
  readonly seconds: number
  readonly json: boolean
}

export class BadOptions extends Error {}

export const usage = `npm start -- [options]

  --postgres [url]  work on PostgreSQL, with three worker processes (default: SQLite, in this process)
  --data <folder>   where the SQLite file lies (default: examples/flights/data)
  --seconds <n>     about how long the run should take, so that there is time to kill it (default: 6)
  --fast            no pauses: as fast as it goes
  --json            the result as JSON on stdout, everything else on stderr
  --help            this text`

/** Throws BadOptions. */
export function readOptions(args: string[]): Options | 'help' {
  const { values, positionals } = parse(args)
  if (values.help) return 'help'
  const [url, ...rest] = positionals
  if (rest.length > 0 || (url !== undefined && !values.postgres))
    throw new BadOptions(`What is ${rest[0] ?? url}?`)
  const seconds = values.fast ? 0 : Number(values.seconds)
  if (!(seconds >= 0 && seconds <= 600)) throw new BadOptions('--seconds takes a number from 0 to 600.')
  return { postgres: values.postgres ? { url } : null, data: values.data, seconds, json: values.json }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        postgres: { type: 'boolean', default: false },
        data: { type: 'string' },
        seconds: { type: 'string', default: '6' },
        fast: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    throw new BadOptions(error instanceof Error ? error.message : String(error), { cause: error })
  }
}
