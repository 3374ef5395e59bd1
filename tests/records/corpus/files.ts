import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { corpus } from '../../support/corpus.ts'

export { corpus }

export interface CorpusQuery {
  readonly id: string
  readonly repo: string
  readonly soql: string
}

export interface OwnField {
  readonly type?: string
  readonly referenceTo?: string
}

/** `objects/<owner>__<name>.json`. */
export interface OwnObjects {
  readonly objects: Readonly<
    Record<
      string,
      {
        readonly fields?: Readonly<Record<string, OwnField>>
        /** Relationship -> the object that points here, and its field. */
        readonly children?: Readonly<Record<string, readonly [object: string, field: string]>>
      }
    >
  >
}

/** `objects/standard.json`. */
export interface StandardObjects {
  readonly objects: Readonly<
    Record<
      string,
      {
        readonly fields: Readonly<Record<string, string>>
        readonly parents: Readonly<Record<string, string>>
        readonly children: Readonly<Record<string, string>>
      }
    >
  >
}

const file = (name: string): string => join(corpus ?? '', name)
const json = (name: string): unknown => JSON.parse(readFileSync(file(name), 'utf8'))

export function queriesByRepo(): ReadonlyMap<string, readonly CorpusQuery[]> {
  const lines = readFileSync(file('soql/queries.jsonl'), 'utf8').trim().split('\n')
  return Map.groupBy(
    lines.map((line) => JSON.parse(line) as CorpusQuery),
    ({ repo }) => repo,
  )
}

export function ownObjects(repo: string): OwnObjects {
  const name = `objects/${repo.replace('/', '__')}.json`
  return existsSync(file(name)) ? (json(name) as OwnObjects) : { objects: {} }
}

export const standardObjects = (): StandardObjects => json('objects/standard.json') as StandardObjects
