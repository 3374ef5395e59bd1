import { randomBytes } from 'node:crypto'
import { createIdSource } from '../../rules/ids.ts'

/** Ids that rise strictly, as the engine makes them. */
export const nextId = createIdSource(Date.now, randomBytes)
