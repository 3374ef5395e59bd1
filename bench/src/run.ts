// One contestant, one scenario, one fresh database: a child process of main.ts. Prints the rate as JSON.
import { scenarios } from './scenarios.ts'

const [scenarioName, contestantName, database, quick] = process.argv.slice(2)
const scenario = scenarios.find(({ name }) => name === scenarioName)
const contestant = scenario?.contestants.find(({ name }) => name === contestantName)
if (scenario === undefined || contestant === undefined || database === undefined)
  throw new Error('usage: run.ts <scenario> <contestant> <database> [quick]')
const task = quick === 'quick' ? scenario.quick : scenario.task
const jobs = Math.min(task.jobs, scenario.fewer?.[contestant.name] ?? task.jobs)
const ms = await contestant[scenario.measures]({ ...task, jobs, database })
console.log(JSON.stringify({ jobs, ms, perSecond: (jobs / ms) * 1000 }))
process.exit()
