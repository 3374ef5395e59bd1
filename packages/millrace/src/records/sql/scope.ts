import { sql } from 'kysely'
import { MillraceError } from '../../kernel/rules/errors.ts'
import type { KnownConditions } from '../object/object.ts'
import type { FieldInfo, ObjectInfo } from '../object/schema.ts'
import type { AccessMode, Condition, Operand, Path, Query } from '../query/query.ts'
import { stricter } from '../query/stricter.ts'
import { dialects, type Dialect } from './dialect.ts'
import type { CompileEnv } from './env.ts'
import { exactTextValue, type Expr } from './expr.ts'
import { knownConditions } from './known.ts'
import { invalid, unsupported } from './refuse.ts'
import { all, type Sql } from './statement.ts'
import { encode } from './values.ts'

/** `select`: shown. `filter`: in conditions, orderings and groupings; WITH SECURITY_ENFORCED does not look at those. */
export type Use = 'select' | 'filter'

/** One statement: what all its queries share. */
export class StatementContext {
  readonly env: CompileEnv
  readonly dialect: Dialect
  #aliases = 0

  constructor(env: CompileEnv) {
    this.env = env
    this.dialect = dialects[env.kind]
  }

  /** A name for a table, unique in the statement. */
  alias(): string {
    return `t${this.#aliases++}`
  }
}

interface Target {
  readonly object: ObjectInfo
  readonly alias: string
}

/** Where a path leads: the object itself, or a parent; of a reference to several objects, each of them. */
export interface Place {
  readonly targets: readonly Target[]
  readonly owner: Place | undefined
  readonly reference: FieldInfo | undefined
  readonly parents: Map<string, Place>
}

/** The tables of one SELECT: the object's own and each parent that a path needs, joined once. */
export class Scope {
  readonly statement: StatementContext
  readonly object: ObjectInfo
  readonly base: Place
  /** Never less strict than that of the query around it. */
  readonly mode: AccessMode
  /** How many queries it stands within. */
  readonly depth: number
  /** Deleted ones too. */
  readonly allRows: boolean
  readonly #names: ReadonlySet<string>
  readonly #joins: (() => Sql)[] = []
  /** Fields that the statement names, `alias.field`. */
  readonly #used = new Set<string>()
  readonly #where: Condition | undefined

  /** Throws MILL_OBJECT_UNKNOWN, and MILL_ACCESS_DENIED when rights count and this object may not be read. */
  constructor(statement: StatementContext, from: string, query: Omit<Query, 'from'>, outer?: Scope) {
    this.statement = statement
    this.object = statement.env.schema.object(from)
    this.mode = outer === undefined ? (query.mode ?? 'system') : stricter(outer.mode, query.mode ?? 'system')
    this.#where = query.where
    this.depth = outer === undefined ? 0 : outer.depth + 1
    this.allRows = query.allRows ?? outer?.allRows ?? false
    this.base = place([{ object: this.object, alias: statement.alias() }])
    this.#names = new Set([
      from.toLowerCase(),
      ...(query.alias === undefined ? [] : [query.alias.toLowerCase()]),
    ])
    this.#mayRead(this.object)
  }

  get dialect(): Dialect {
    return this.statement.dialect
  }

  get table(): Sql {
    return sql.id(aliasOf(this.base))
  }

  /** FROM without the word: call it last, when every path has been met. */
  from(): Sql {
    return this.#joins.reduce(
      (before, join) => sql`${before}${join()}`,
      this.#table(this.base.targets[0], (uses) => knownConditions(this, this.#where, uses)),
    )
  }

  /** The tenant's own and not deleted records. */
  visible(): Sql[] {
    const [target] = this.base.targets
    if (target === undefined) return []
    const own = this.#ofTenant(target)
    return [...own, ...(this.allRows ? [] : this.#notDeleted(target))]
  }

  /** A field by its path, `['Account', 'Owner', 'Name']`. Throws MILL_FIELD_UNKNOWN and MILL_ACCESS_DENIED. */
  field(path: Path, use: Use): Expr {
    const { steps, place: at, last } = this.walk(path, use)
    return this.fieldAt(at, last, use, [...steps, last].join('.'))
  }

  /** A field of the object itself, by a path; undefined for what leads elsewhere. */
  ownField(path: Path): FieldInfo | undefined {
    const [name, ...others] = this.#withoutOwnName(path)
    return name === undefined || others.length > 0 ? undefined : this.object.find(name)
  }

  /** What ORDER BY is to sort by. */
  sortable(operand: Operand): Operand {
    const field = operand.kind === 'field' ? this.ownField(operand.path) : undefined
    const other = field === undefined ? undefined : this.object.definition.source?.orderedAs[field.name]
    return other === undefined ? operand : { kind: 'field', path: [other] }
  }

  /** The parent that a path leads to, and the name after it. */
  walk(path: Path, use: Use): { readonly steps: Path; readonly place: Place; readonly last: string } {
    const steps = this.#withoutOwnName(path)
    const last = steps.at(-1)
    if (last === undefined) throw invalid('a path', 'is empty')
    const parents = steps.slice(0, -1)
    return { steps: parents, place: this.parent(parents, use), last }
  }

  /** Throws MILL_FIELD_UNKNOWN, MILL_ACCESS_DENIED, and MILL_SOQL_UNSUPPORTED beyond a reference to several objects. */
  parent(path: Path, use: Use): Place {
    return path.reduce((at, name) => this.#step(at, name, use, path.join('.')), this.base)
  }

  fieldAt(at: Place, name: string, use: Use, written: string): Expr {
    const [first, ...others] = at.targets
    if (first === undefined) throw invalid(written, 'leads nowhere')
    const own = at === this.base
    if (others.length === 0) {
      const field = first.object.field(name)
      this.mayReadField(first.object, field, use)
      this.#used.add(`${first.alias}.${field.name}`)
      return {
        sql: this.dialect.column(field, sql.id(first.alias, field.column)),
        field,
        name: written,
        notNull: own && field.type === 'id',
        required: own && field.required,
      }
    }
    return name.toLowerCase() === 'type' ? typeOf(at, written) : this.#ofSeveral(at, name, use, written)
  }

  /** Whether there is a record there. */
  present(at: Place): Sql {
    const there = at.targets.map(
      ({ object, alias }) => sql`${sql.id(alias, object.idField.column)} is not null`,
    )
    return sql`(${sql.join(there, sql` or `)})`
  }

  mayReadField(object: ObjectInfo, field: FieldInfo, use: Use): void {
    if (!this.#counts(use) || this.maySee(object, field)) return
    throw denied(`${object.name}.${field.name}`, { object: object.name, field: field.name })
  }

  maySee(object: ObjectInfo, field: FieldInfo): boolean {
    const { access, caller } = this.statement.env
    return this.mode === 'system' || access.mayField(caller, object, field, 'read')
  }

  #counts(use: Use): boolean {
    return this.mode === 'user' || (this.mode === 'securityEnforced' && use === 'select')
  }

  #mayRead(object: ObjectInfo): void {
    const { access, caller } = this.statement.env
    if (this.mode === 'system' || access.mayObject(caller, object, 'read')) return
    throw denied(object.name, { object: object.name })
  }

  /** The same for all ways to write a path. */
  pathKey(path: Path): string {
    return this.#withoutOwnName(path).join('.').toLowerCase()
  }

  /** `a.Name` and `Account.Name` of `FROM Account a`; a parent of that name goes first. */
  #withoutOwnName(path: Path): Path {
    const [first] = path
    if (first === undefined || path.length < 2 || !this.#names.has(first.toLowerCase())) return path
    const isParent = this.object.fields.some((one) => one.relationship?.toLowerCase() === first.toLowerCase())
    return isParent ? path : path.slice(1)
  }

  #step(at: Place, name: string, use: Use, written: string): Place {
    const key = name.toLowerCase()
    const known = at.parents.get(key)
    const [target, ...others] = at.targets
    if (target === undefined || others.length > 0)
      throw unsupported(
        written,
        `${name} lies beyond ${at.reference?.name ?? 'it'}, which points to several objects; use TYPEOF for their fields`,
      )
    const reference = known?.reference ?? target.object.parent(name)
    this.mayReadField(target.object, reference, use)
    const found = known ?? this.#join(at, target, reference)
    if (this.#counts(use)) for (const { object } of found.targets) this.#mayRead(object)
    at.parents.set(key, found)
    return found
  }

  #join(at: Place, from: Target, reference: FieldInfo): Place {
    const { schema } = this.statement.env
    const targets = reference.references.map((name) => ({
      object: schema.object(name),
      alias: this.statement.alias(),
    }))
    for (const target of targets) {
      const { object, alias } = target
      const on = [
        sql`${sql.id(alias, object.idField.column)} = ${sql.id(from.alias, reference.column)}`,
        ...(reference.typeColumn === undefined
          ? []
          : [sql`${sql.id(from.alias, reference.typeColumn)} = ${object.name}`]),
        // Soft-deleted parents are still shown, as in Salesforce; another tenant's are not there.
        ...this.#ofTenant(target),
      ]
      this.#used.add(`${from.alias}.${reference.name}`)
      this.#joins.push(() => sql` left join ${this.#table(target)} on ${all(on)}`)
    }
    return { ...place(targets), owner: at, reference }
  }

  #table(target: Target | undefined, known = nothingKnown): Sql {
    if (target === undefined) throw invalid('a query', 'has no object')
    const { source, table } = target.object.definition
    // A source is text of Millrace's own, never of a user.
    const named =
      source === undefined
        ? sql.id(...table.split('.'))
        : subselect(
            source[this.statement.env.kind](known((field) => this.#used.has(`${target.alias}.${field}`))),
          )
    return sql`${named} as ${sql.id(target.alias)}`
  }

  #ofTenant({ object, alias }: Target): Sql[] {
    const { tenant } = object.definition
    if (tenant === undefined) return []
    return [sql`${sql.id(alias, object.field(tenant).column)} = ${this.statement.env.caller.tenant}`]
  }

  #notDeleted({ object, alias }: Target): Sql[] {
    const { softDelete } = object.definition
    if (softDelete === undefined) return []
    const field = object.field(softDelete)
    const column = sql.id(alias, field.column)
    if (field.type === 'datetime') return [sql`${column} is null`]
    return [field.required ? this.dialect.isFalse(column) : this.dialect.isNotTrue(column)]
  }

  #ofSeveral(at: Place, name: string, use: Use, written: string): Expr {
    const having = at.targets.filter(({ object }) => object.find(name) !== undefined)
    const columns = having.map(({ object, alias }) => {
      const field = object.field(name)
      this.mayReadField(object, field, use)
      this.#used.add(`${alias}.${field.name}`)
      return { field, column: this.dialect.column(field, sql.id(alias, field.column)) }
    })
    const [first] = columns
    // For the message with the nearest name.
    const field = first?.field ?? at.targets[0]?.object.field(name)
    if (field === undefined) throw invalid(written, 'leads nowhere')
    if (columns.some((one) => one.field.type !== field.type))
      throw unsupported(written, 'the objects that it may be of have that field with different types')
    const values = columns.map(({ column }) => column)
    const value = values.length === 1 ? sql`${values[0]}` : sql`coalesce(${sql.join(values)})`
    return { sql: value, field, name: written, notNull: false, required: false }
  }

  /** `mine` of USING SCOPE. */
  mine(): Sql {
    const { owner } = this.object.definition
    if (owner === undefined)
      throw invalid('USING SCOPE mine', `needs an object with an owner; ${this.object.name} has none`)
    const { principal } = this.statement.env.caller
    if (principal === null) throw invalid('USING SCOPE mine', 'needs a principal; the system owns nothing')
    const field = this.object.field(owner)
    const id = field.numeric ? Number(principal.id) : principal.id
    if (Number.isNaN(id)) return sql`false`
    const column = sql.id(aliasOf(this.base), field.column)
    return sql`${column} = ${this.dialect.value(field, encode(field, id, this.statement.env.kind))}`
  }
}

function place(targets: readonly Target[]): Place {
  return { targets, owner: undefined, reference: undefined, parents: new Map() }
}

const nothingKnown = (uses: (field: string) => boolean): KnownConditions => ({
  uses,
  oneOf: () => undefined,
  from: undefined,
  to: undefined,
})

const subselect = (text: string): Sql => sql.raw(text.trimStart().startsWith('(') ? text : `(${text})`)

const aliasOf = (at: Place): string => at.targets[0]?.alias ?? ''

function typeOf(at: Place, written: string): Expr {
  const { owner, reference } = at
  const column = reference?.typeColumn
  if (owner === undefined || column === undefined) throw invalid(written, 'has no type')
  return {
    sql: sql.id(aliasOf(owner), column),
    field: exactTextValue,
    name: written,
    notNull: false,
    required: false,
  }
}

function denied(what: string, data: Readonly<Record<string, unknown>>): MillraceError {
  return new MillraceError('MILL_ACCESS_DENIED', `${what} may not be read by the roles of the caller.`, {
    data,
  })
}
