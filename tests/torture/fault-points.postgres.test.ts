import { afterAll } from 'vitest'
import { createTestDatabase } from '../support/postgres.ts'
import { testFaultPoints } from './fault-points-suite.ts'
import { postgresTarget } from './target.ts'

const database = await createTestDatabase()
afterAll(() => database?.drop())

testFaultPoints('postgres', database && (() => postgresTarget(database.url)))
