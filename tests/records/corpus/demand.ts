import type { FieldType } from '../../../packages/millrace/src/records/object/field.ts'
import type {
  Call,
  Condition,
  Operand,
  Path,
  Query,
  Scalar,
  Selected,
} from '../../../packages/millrace/src/records/query/query.ts'
import { dateFunctions } from '../../../packages/millrace/src/records/soql/words.ts'
import type { Known, Model, ModelField, ModelObject } from './model.ts'

type Inner = Omit<Query, 'from'>
/** What a value is compared with: a field, or what a function answers. */
type Compared = ModelField | FieldType

export interface Demand {
  /** Whether all that the query names is defined somewhere. */
  readonly known: Known
  /** What the query does with fields whose type no definition tells. */
  readonly hints: ReadonlyMap<ModelField, FieldType>
  readonly binds: readonly { readonly name: string; readonly compared: Compared; readonly list: boolean }[]
}

/** Looks up all that a query names, adds to the model what is missing, and collects the binds with what they are compared with. */
export function demand(query: Query, model: Model): Demand {
  return new Walk(model).run(query)
}

const literalTypes: Partial<Record<Scalar['kind'], FieldType>> = {
  ...{
    text: 'text',
    number: 'number',
    currency: 'currency',
    boolean: 'boolean',
    date: 'date',
    dateLiteral: 'datetime',
  },
  ...{ datetime: 'datetime' },
}

class Walk {
  readonly #model: Model
  readonly #binds: { name: string; compared: Compared; list: boolean }[] = []
  readonly #hints = new Map<ModelField, FieldType>()
  #known: Known = 'definition'

  constructor(model: Model) {
    this.#model = model
  }

  run(query: Query): Demand {
    this.#query(this.#model.object(query.from), query)
    return { known: this.#known, hints: this.#hints, binds: this.#binds }
  }

  #query(object: ModelObject, query: Inner): void {
    this.#use(object)
    const aliases = new Set(
      query.select.flatMap((one) =>
        'alias' in one && one.alias !== undefined ? [one.alias.toLowerCase()] : [],
      ),
    )
    const within = new Names(this, object, query.alias, aliases)
    for (const one of query.select) this.#selected(within, one)
    if (query.where !== undefined) this.#condition(within, query.where)
    for (const one of query.groupBy?.by ?? []) within.operand(one)
    if (query.having !== undefined) this.#condition(within, query.having)
    for (const { by } of query.orderBy ?? []) within.operand(by)
    for (const bound of [query.limit, query.offset])
      if (bound !== undefined) this.#value('integer', bound, false)
    if (query.scope === 'mine') {
      this.field(object, 'OwnerId')
      object.mine = true
    }
  }

  #selected(within: Names, one: Selected): void {
    if (one.kind === 'field') within.path(one.path)
    else if (one.kind === 'call') within.call(one.call)
    else if (one.kind === 'children') {
      const known = within.object.children.has(one.relationship.toLowerCase())
      if (!known) this.#known = 'use'
      this.#query(this.#model.child(within.object, one.relationship), one.query)
    } else if (one.kind === 'typeof') {
      const reference = within.reference(one.relationship)
      for (const { object, fields } of one.when) {
        const target = this.#model.object(object)
        this.#use(target)
        if (!reference.targets.includes(target.name)) reference.targets.push(target.name)
        for (const path of fields) new Names(this, target, undefined, new Set()).path(path)
      }
      for (const path of one.otherwise)
        for (const target of reference.targets)
          new Names(this, this.#model.object(target), undefined, new Set()).path(path)
    }
  }

  #condition(within: Names, condition: Condition): void {
    switch (condition.kind) {
      case 'and':
      case 'or':
        for (const one of condition.of) this.#condition(within, one)
        break
      case 'not':
        this.#condition(within, condition.of)
        break
      case 'compare':
        this.#value(within.operand(condition.left), condition.right, false)
        break
      case 'like':
        this.hint(within.operand(condition.left), 'text')
        this.#value('text', condition.pattern, false)
        break
      case 'inQuery':
        this.#semiJoin(within.operand(condition.left), condition.query)
        break
      default: {
        const left = within.operand(condition.left)
        if (condition.kind === 'includes') this.hint(left, 'multipicklist')
        for (const value of condition.values) this.#value(left, value, condition.values.length === 1)
      }
    }
  }

  /** Ids are compared with ids. */
  #semiJoin(left: Compared, query: Query): void {
    const object = this.#model.object(query.from)
    this.#query(object, query)
    const [selected] = query.select
    if (selected?.kind !== 'field') return
    const right = new Names(this, object, query.alias, new Set()).path(selected.path)
    if (typeof left === 'string' || typeof right === 'string') return
    this.#sameIds(left, right, object)
    this.#sameIds(right, left, object)
  }

  #sameIds(field: ModelField, other: ModelField, object: ModelObject): void {
    if (field.type !== undefined || (other.type !== 'id' && other.type !== 'reference')) return
    field.type = 'reference'
    field.targets = other.type === 'id' ? [object.name] : [...other.targets]
  }

  hint(compared: Compared, type: FieldType): void {
    if (typeof compared === 'string' || compared.type !== undefined || this.#hints.has(compared)) return
    this.#hints.set(compared, type)
  }

  #value(compared: Compared, scalar: Scalar, list: boolean): void {
    const type = literalTypes[scalar.kind]
    if (type !== undefined) this.hint(compared, type)
    if (scalar.kind === 'bind') this.#binds.push({ name: scalar.name, compared, list })
  }

  #use(object: ModelObject): void {
    object.used = true
    if (object.known === 'use') this.#known = 'use'
  }

  field(object: ModelObject, name: string): ModelField {
    const field = this.#model.field(object, name)
    if (field.known === 'use' && field.type !== 'id') this.#known = 'use'
    return field
  }

  parent(object: ModelObject, relationship: string): readonly [ModelField, ModelObject] {
    const field = this.#model.parent(object, relationship)
    if (field.known === 'use') this.#known = 'use'
    const target = this.#model.object(field.targets[0] ?? relationship)
    this.#use(target)
    return [field, target]
  }
}

/** The names of one SELECT. */
class Names {
  readonly object: ModelObject
  readonly #walk: Walk
  readonly #alias: string | undefined
  readonly #aliases: ReadonlySet<string>

  constructor(walk: Walk, object: ModelObject, alias: string | undefined, aliases: ReadonlySet<string>) {
    this.#walk = walk
    this.object = object
    this.#alias = alias
    this.#aliases = aliases
  }

  path(path: Path): Compared {
    const last = path.at(-1) ?? ''
    if (
      path.length === 1 &&
      this.#aliases.has(last.toLowerCase()) &&
      !this.object.fields.has(last.toLowerCase())
    )
      return 'number'
    return this.#walk.field(this.#through(this.#own(path).slice(0, -1)), last)
  }

  reference(path: Path): ModelField {
    const own = this.#own(path)
    return this.#walk.parent(this.#through(own.slice(0, -1)), own.at(-1) ?? '')[0]
  }

  operand(operand: Operand): Compared {
    return operand.kind === 'field' ? this.path(operand.path) : this.call(operand.call)
  }

  call({ name, args }: Call): Compared {
    const [first = 'text'] = args.flatMap((arg) => (arg.kind === 'scalar' ? [] : [this.operand(arg)]))
    const hint =
      name === 'SUM' || name === 'AVG' ? 'number' : dateFunctions.has(name) ? 'datetime' : undefined
    if (hint !== undefined) this.#walk.hint(first, hint)
    if (name === 'DAY_ONLY') return 'date'
    if (name === 'MIN' || name === 'MAX' || name === 'CONVERTTIMEZONE') return first
    return name === 'TOLABEL' || name === 'FORMAT' ? 'text' : 'number'
  }

  /** Without the object's own name or alias in front. */
  #own(path: Path): Path {
    const [first = '', ...rest] = path
    const names = [this.#alias?.toLowerCase(), this.object.name.toLowerCase()]
    return rest.length > 0 && names.includes(first.toLowerCase()) ? rest : path
  }

  #through(path: Path): ModelObject {
    let object = this.object
    for (const relationship of path) [, object] = this.#walk.parent(object, relationship)
    return object
  }
}
