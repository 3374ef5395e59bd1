import type { TriggerOperation } from '../trigger/trigger.ts'
import { runTriggers, type Batch } from '../trigger/run.ts'
import type { Call } from './call.ts'
import { readRecords, type RecordValues } from './read.ts'
import { fail, isAlive, readItem, type Item, type ReadOptions } from './item.ts'
import { dmlError } from './result.ts'
import { savepoint } from './savepoint.ts'

/** One operation on records of one object, with its triggers around it. */
export interface Operation {
  readonly call: Call
  readonly operation: TriggerOperation
  /** How rows are read again after triggers have changed them; insert and update only. */
  readonly reading?: ReadOptions
  readonly write: (items: readonly Item[]) => Promise<void>
}

/** Salesforce does it as often. */
const maxRounds = 3

class Again extends Error {}

/**
 * Before-triggers, the bulk statements, after-triggers. Rows that fail drop out on the way; when an after-trigger refuses rows that are
 * written already, all is undone and done again without them, three times at most.
 */
export async function change(operation: Operation, items: readonly Item[]): Promise<void> {
  const { call } = operation
  const { triggers } = call.env
  const { name } = call.object
  const before = triggers.of(name, operation.operation, 'before')
  const after = triggers.of(name, operation.operation, 'after')
  if (before.length + after.length === 0) {
    const alive = items.filter(isAlive)
    return alive.length === 0 ? undefined : operation.write(alive)
  }
  for (let round = 1; ; round += 1) {
    const given = items.filter(isAlive)
    if (given.length === 0) return
    const kept = given.map(({ shape, values, id }) => ({ shape, values, id }))
    try {
      await savepoint(call.env.database, () => new Round(operation, given).run(before, after))
      return
    } catch (error) {
      if (!(error instanceof Again)) throw error
    }
    given.forEach((item, at) => Object.assign(item, kept[at]))
    if (call.options.allOrNone) return
    if (round === maxRounds) {
      const message = `after-triggers refused rows ${maxRounds} times, each time others`
      for (const item of given)
        if (isAlive(item)) fail(item, dmlError('CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY', message))
      return
    }
  }
}

type Triggers = ReturnType<Call['env']['triggers']['of']>

class Round {
  readonly #operation: Operation
  readonly #items: readonly Item[]
  #old = new Map<string, RecordValues>()

  constructor(operation: Operation, items: readonly Item[]) {
    this.#operation = operation
    this.#items = items
  }

  async run(before: Triggers, after: Triggers): Promise<void> {
    const { operation, call, write } = this.#operation
    if (operation !== 'insert') await this.#readOld()
    if (before.length > 0) await this.#before(before)
    if (this.#stops()) return
    await write(this.#alive())
    if (after.length === 0 || this.#stops()) return
    const written = this.#alive()
    if (written.length === 0) return
    const current =
      operation === 'delete'
        ? new Map<string, RecordValues>()
        : await readRecords(
            call.place,
            written.map(({ id }) => id),
            false,
          )
    const batch = this.#batch('after', written, (item) => Object.freeze(current.get(String(item.id)) ?? {}))
    await runTriggers(call, after, batch)
    if (written.some((item) => !isAlive(item))) throw new Again()
  }

  #alive(): Item[] {
    return this.#items.filter(isAlive)
  }

  #stops(): boolean {
    return this.#operation.call.options.allOrNone && this.#alive().length < this.#items.length
  }

  async #readOld(): Promise<void> {
    this.#old = await readRecords(
      this.#operation.call.place,
      this.#items.map(({ id }) => id),
      true,
    )
    for (const record of this.#old.values()) Object.freeze(record)
  }

  async #before(triggers: Triggers): Promise<void> {
    const { operation, call, reading } = this.#operation
    // What is not there is told by the write.
    const known = this.#alive().filter((item) => operation === 'insert' || this.#old.has(String(item.id)))
    if (known.length === 0) return
    const wanted = new Map(known.map((item) => [item, this.#wanted(item)]))
    const batch = this.#batch('before', known, (item) => wanted.get(item) ?? {})
    const starts = new Map([...wanted].map(([item, record]) => [item, { ...record }]))
    await runTriggers(call, triggers, batch)
    if (reading === undefined) return
    for (const item of known) {
      if (!isAlive(item)) continue
      this.#takeOver(item, starts.get(item) ?? {}, wanted.get(item) ?? {}, reading)
    }
  }

  /** The record as it will be: the old one with what the row says. */
  #wanted(item: Item): RecordValues {
    const { object } = this.#operation.call
    const record: RecordValues = Object.fromEntries(object.fields.map(({ name }) => [name, null]))
    Object.assign(record, this.#old.get(String(item.id)))
    if (item.id !== null) record[object.idField.name] ??= item.id
    item.shape.written.forEach(({ field }, at) => {
      record[field.name] = item.values[at]
    })
    return record
  }

  /** The row with what triggers changed, checked like any other. */
  #takeOver(item: Item, start: RecordValues, end: RecordValues, reading: ReadOptions): void {
    const { object } = this.#operation.call
    const row: RecordValues = {}
    item.shape.written.forEach(({ field }) => {
      row[field.name] = end[field.name]
    })
    for (const name of Object.keys(end)) {
      if (Object.is(start[name], end[name])) continue
      row[name] = end[name]
    }
    if (item.id !== null) row[object.idField.name] = item.id
    const read = readItem(row, item.index, { ...reading, complete: true })
    item.shape = { ...read.shape, guard: item.shape.guard }
    item.values = read.values
    item.errors = read.errors
  }

  #batch(timing: Batch['timing'], items: readonly Item[], recordOf: (item: Item) => RecordValues): Batch {
    const { operation, call } = this.#operation
    const { idField } = call.object
    const old = new Map<unknown, Readonly<RecordValues>>()
    const olds = items.map((item) => this.#old.get(String(item.id)) ?? {})
    if (operation !== 'insert') for (const record of olds) old.set(record[idField.name], record)
    const records = operation === 'delete' ? [] : items.map(recordOf)
    return { operation, timing, items, new: records, old, rows: operation === 'delete' ? olds : records }
  }
}
