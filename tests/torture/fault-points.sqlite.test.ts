import { testFaultPoints } from './fault-points-suite.ts'
import { sqliteTarget } from './target.ts'

testFaultPoints('sqlite', sqliteTarget)
