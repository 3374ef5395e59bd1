// One contestant, one scenario, one fresh place: a child process of main.ts. Prints the sample as JSON.
import type { Place } from './contestant.ts'
import { fullName, scenarios } from './scenarios.ts'

export interface Order {
  readonly scenario: string
  readonly contestant: string
  readonly place: Place
  readonly quick: boolean
  readonly scale: number
}

const order = JSON.parse(process.argv[2] as string) as Order
const scenario = scenarios.find((one) => fullName(one) === order.scenario)
const entry = scenario?.entries.find(({ contestant }) => contestant.name === order.contestant)
if (scenario === undefined || entry === undefined) throw new Error(`there is no ${process.argv[2]}`)
const size = order.quick ? scenario.quick : scenario.size
const jobs = jobsOf(size.jobs * order.scale * (entry.share ?? 1))
const sample = await scenario.run({
  contestant: entry.contestant,
  place: order.place,
  size: { ...size, jobs },
})
console.log(JSON.stringify(sample))
process.exit()

/** Whole groups of 100, where there are that many. */
function jobsOf(wanted: number): number {
  return wanted < 100 ? Math.max(3, Math.round(wanted)) : Math.round(wanted / 100) * 100
}
