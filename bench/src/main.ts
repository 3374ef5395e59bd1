// npm run bench -- <scenario>… [--quick] [--json] [--rounds N] [--scale 0.1]: contestants interleaved within each round, medians at the end.
import { parseArgs } from 'node:util'
import { environment } from './environment.ts'
import { measure } from './measure.ts'
import { openServer } from './postgres.ts'
import { contestantLines, ratioLine } from './report.ts'
import type { Scenario } from './scenario.ts'
import { chosen, fullName, scenarios } from './scenarios.ts'
import { round } from './statistics.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    scale: { type: 'string', default: '1' },
  },
})
const { quick, json } = values
const scale = Number(values.scale)
const rounds = Number(values.rounds ?? (quick ? 3 : 5))
const wanted = chosen(positionals)
if (wanted.length === 0 || !(rounds >= 1) || !(scale > 0)) {
  console.error(`usage: npm run bench -- [scenario…] [--quick] [--json] [--rounds N] [--scale factor of jobs, to try things out]
there is no such scenario; there are ${scenarios.map(fullName).join(', ')}`)
  process.exit(2)
}

/** For people; with --json only lines of JSON are printed, and this goes to the error output. */
const say = (line: string): void => (json ? console.error(line) : console.log(line))
const tell = (line: object): void => {
  if (json) console.log(JSON.stringify(line))
}

const needsPostgres = wanted.some(({ database }) => database === 'postgres')
const server = needsPostgres ? await openServer() : undefined
try {
  const around = await environment(server?.url ?? '')
  tell(around)
  say(JSON.stringify(around, null, 2))
  for (const scenario of wanted) {
    say(`\n${fullName(scenario)}: ${scenario.what}`)
    try {
      await compare(withoutMissing(scenario, around.redis !== null), around.peers)
    } catch (error) {
      // The others are still worth measuring.
      process.exitCode = 1
      console.error(`no figures: ${(error as Error).message}`)
    }
  }
} finally {
  await server?.stop()
}

/** Loudly without the contestants whose server is not installed. */
function withoutMissing(scenario: Scenario, redis: boolean): Scenario {
  const entries = scenario.entries.filter(({ contestant }) => redis || contestant.needsRedis !== true)
  if (entries.length < scenario.entries.length) {
    console.error('!!! No redis-server: BullMQ on Redis is left out. Debian: apt-get install redis-server.')
  }
  return { ...scenario, entries }
}

async function compare(scenario: Scenario, versions: Readonly<Record<string, string>>): Promise<void> {
  const samples = await measure(scenario, {
    rounds,
    quick,
    scale,
    server: server?.url ?? '',
    onSample: (contestant, at, { value }) =>
      say(`  round ${at}/${rounds}  ${contestant.padEnd(32)} ${round(value)} ${scenario.unit}`),
  })
  for (const line of contestantLines(scenario, samples, versions)) {
    tell(line)
    const { contestant, version, median, lowest, highest, unit, detail = {} } = line
    const of = [contestant, version ?? ''].join(' ').padEnd(32)
    say(`  ${of} ${median} ${unit} [${lowest}-${highest}] ${JSON.stringify(detail)}`)
    say(`    history ${line.keepsHistory ? 'kept' : 'not kept'}; ${line.guarantee}; ${line.settings}`)
  }
  const ratios = ratioLine(scenario, samples, { quick, scale })
  tell(ratios)
  say(`  above 1 ours is better: ${JSON.stringify(ratios.against)}`)
}
