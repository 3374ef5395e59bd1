import { markerOf, schema, tenants } from './fixture.ts'
import type { Rec, World } from './oracle/world.ts'

/** The rows of the differential suite; the same on each run. References to several objects have `<field>:type` beside them. */

/** The now of most queries: Berlin is already in April, and in the next quarter. */
export const now = Date.parse('2026-03-31T22:30:00.000Z')

let seed = 20_260_331
/** 0 ≤ n < below (mulberry32). */
function upTo(below: number): number {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below)
}
const pick = <T>(from: readonly T[]): T => from[upTo(from.length)] as T
/** Null once in `often`. */
const orNull = <T>(value: T, often = 6): T | null => (upTo(often) === 0 ? null : value)
const rows = (count: number, make: (at: number) => Record<string, unknown>): Rec[] =>
  Array.from({ length: count }, (_, at) => make(at))
const idOf = (prefix: string, at: number): string => `${prefix}${String(at).padStart(5, '0')}`
const anyId = (prefix: string, count: number): string => idOf(prefix, upTo(count))

/** Texts that case, escapes, collations and quoting make hard. */
export const awkward = [
  ...['Acme', 'ACME', 'acme', 'Acme Corp', 'acme corp', 'Zeta', 'zeta', 'Ärger', 'ärger', 'ÄRGER', 'Aerger'],
  ...['Straße', 'STRASSE', 'strasse', 'straße', 'İstanbul', 'istanbul', 'ISTANBUL', 'ıspanak', 'Ispanak'],
  ...[
    'Σίσυφος',
    'ΣΊΣΥΦΟΣ',
    'σίσυφοσ',
    'Ολυμπία',
    'ОЛЬГА',
    'ольга',
    '東京',
    '🚀 Rocket',
    '🚀 rocket',
    '👩‍👩‍👧 Family',
  ],
  ...[
    '100%',
    '100% pure',
    '1000',
    '50_50',
    '50-50',
    '5050',
    'a\\b',
    'a\\\\b',
    'ab',
    '\\',
    '%',
    '_',
    '__',
    '%_%',
  ],
  ...[
    "O'Brien",
    "o'brien",
    'say "hi"',
    '`tick`',
    "''",
    '"; drop table accounts; --',
    "' or '1'='1",
    '$1 and ?1 :name',
  ],
  ...[
    ' leading',
    'trailing ',
    'two  spaces',
    'tab\there',
    'line\nbreak',
    '[bracket]',
    '^caret',
    'under_score',
  ],
  ...[
    'Zoë',
    'Zoe\u0308',
    'naïve',
    'ﬀ',
    'ﬃ',
    'Ǆ',
    'ǆ',
    '\ufffd',
    '\ue000',
    'é',
    'É',
    'null',
    'NULL',
    'true',
    '0',
  ],
]

/** Days around ends of weeks, months, quarters and years, leap days, and the days of `now` in every zone. */
export const edgeDays = [
  ...['2024-02-29', '2024-12-31', '2025-01-01', '2025-03-31', '2025-04-01', '2025-12-31', '2026-01-01'],
  ...['2026-01-31', '2026-02-01', '2026-02-28', '2026-03-01', '2026-03-21', '2026-03-22', '2026-03-28'],
  ...['2026-03-29', '2026-03-30', '2026-03-31', '2026-04-01', '2026-04-02', '2026-04-04', '2026-04-05'],
  ...['2026-04-11', '2026-04-12', '2026-04-30', '2026-05-01', '2026-06-30', '2026-07-01', '2026-09-30'],
  ...['2026-10-01', '2026-10-25', '2026-11-01', '2026-12-31', '2027-01-01', '2027-03-31', '2027-12-31'],
  ...['2028-02-29', '2023-03-31', '1999-12-31', '2000-01-01', '1900-01-01', '2025-12-30', '2026-06-29'],
]

const hour = 3_600_000
/** Instants at and around midnight of those days in several zones, and around changes of the clock. */
export const edgeInstants: readonly number[] = [
  ...edgeDays.flatMap((day, at) => {
    const midnight = Date.parse(`${day}T00:00:00Z`)
    const offset = [0, -1, -2, 4, 5, -5.5, 3, -12, -13, 7][at % 10] ?? 0
    return [midnight + offset * hour, midnight + offset * hour - 1000]
  }),
  ...['2026-03-29T00:59:59Z', '2026-03-29T01:00:00Z', '2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z'].map(
    (text) => Date.parse(text),
  ),
  ...['2026-03-08T06:59:59Z', '2026-03-08T07:00:00Z', '2026-11-01T05:30:00Z', '2026-11-01T06:30:00Z'].map(
    (text) => Date.parse(text),
  ),
  ...[now, now - 1000, now + 1000, now - 24 * hour, now + 24 * hour],
]

const money = [0, 0.01, -0.01, 1, 10, 99.99, 100, 100.5, 250000, 1e6, 123456789.12, -5000, 99999999999.99]
const numbers = [0, 1, -1, 0.1, 0.2, 0.3, 1.5, 1e-9, 1e15, 1e-300, 3.14159265358979, 42, 1e21]
const tags = ['Red', 'Green', 'blue', 'X-Ray']
const someTags = (): readonly string[] | null => {
  const some = tags.filter(() => upTo(3) === 0)
  return some.length === 0 ? null : some
}

const users = rows(8, (at) => ({
  Id: idOf('u', at),
  Name: ['Ada', 'ada', 'Grace', 'Edsger', 'BARBARA', 'Donald', 'Äda', 'zoe'][at],
  Username: `user${at}@example.com`,
  IsActive: at === 5 ? null : at % 3 !== 0,
  ManagerId: at === 0 ? null : idOf('u', Math.floor((at - 1) / 2)),
}))

const accounts = rows(90, (at) => ({
  Id: idOf('a', at),
  Name: at < awkward.length ? awkward[at] : orNull(pick(awkward), 9),
  Industry: orNull(pick(['Technology', 'Banking', 'agriculture', 'Energy'])),
  Rating: orNull(pick(['Hot', 'Warm', 'Cold']), 3),
  BillingCity: pick(['Berlin', 'berlin', 'BERLIN', 'Köln', 'KÖLN', 'Paris', '', null]),
  BillingCountry: pick(['DE', 'de', 'FR', 'US', null]),
  Description: pick([...awkward, '', '', null, null]),
  AnnualRevenue: orNull(pick(money)),
  NumberOfEmployees: orNull(pick([0, 1, 5, 10, 250, 100_000, -3, 9_007_199_254_740_991])),
  Score__c: orNull(pick(numbers)),
  Active__c: pick([true, false, null]),
  Founded__c: orNull(pick(edgeDays)),
  CreatedDate: new Date(pick(edgeInstants) + (at % 5 === 0 ? 1 : 0)),
  Tags__c: someTags(),
  Code__c: at % 7 === 3 ? null : `${at % 2 === 0 ? 'Code' : 'CODE'}-${Math.floor(at / 2)}`,
  Meta__c: pick([null, { a: 1, list: [1, 'two', null], deep: { ok: true } }, [], 'text', 5]),
  OwnerId: orNull(anyId('u', 8)),
  ParentId: at < 10 ? null : orNull(idOf('a', upTo(at)), 2),
}))

const contacts = rows(140, (at) => ({
  Id: idOf('c', at),
  FirstName: pick(['Anna', 'anna', 'Bob', 'BOB', 'Çelik', 'çelik', null, '']),
  LastName: pick(awkward),
  Email: orNull(`person${at % 40}@${pick(['Example.com', 'example.COM', 'test.org'])}`),
  Birthdate: orNull(pick(edgeDays)),
  DoNotCall: pick([true, false, null]),
  LastSeen__c: orNull(new Date(pick(edgeInstants) + upTo(2))),
  AccountId: orNull(anyId('a', 60), 5),
  OwnerId: orNull(anyId('u', 8)),
  ReportsToId: at === 0 ? null : orNull(idOf('c', upTo(at)), 3),
}))

const opportunities = rows(130, (at) => {
  const stage = orNull(pick(['Prospecting', 'Negotiation', 'Closed Won', 'Closed Lost']), 12)
  return {
    Id: idOf('o', at),
    Name: pick(awkward),
    StageName: stage,
    LeadSource: orNull(pick(['Web', 'Phone', 'Partner']), 4),
    Amount: orNull(pick(money)),
    Probability: orNull(pick([0, 10, 25, 33.3, 50, 90, 100])),
    CloseDate: orNull(pick(edgeDays), 10),
    IsClosed: stage === null ? null : stage.startsWith('Closed'),
    CreatedDate: new Date(pick(edgeInstants)),
    AccountId: orNull(anyId('a', 50), 6),
    OwnerId: orNull(anyId('u', 8)),
  }
})

const lineItems = rows(160, (at) => ({
  Id: at + 1,
  OpportunityId: orNull(anyId('o', 60), 9),
  Product__c: pick(['Widget', 'widget', 'Gadget', 'GADGET', 'Käse', null]),
  Quantity: orNull(pick([0, 1, 2, 5, 100])),
  UnitPrice: orNull(pick([0.1, 0.2, 9.99, 100, 1e-3])),
  ServiceDate: orNull(pick(edgeDays)),
}))

const cases = rows(80, (at) => ({
  Id: idOf('k', at),
  Name: `CASE-${at}`,
  Subject: pick(awkward),
  Status: orNull(pick(['New', 'Working', 'Closed']), 8),
  Priority: orNull(pick(['High', 'Medium', 'Low']), 4),
  ClosedDate: orNull(new Date(pick(edgeInstants)), 2),
  CreatedDate: new Date(pick(edgeInstants)),
  IsDeleted: at % 4 === 0 ? true : at % 9 === 1 ? null : false,
  AccountId: orNull(anyId('a', 40), 4),
  ContactId: orNull(anyId('c', 60), 4),
  OwnerId: orNull(anyId('u', 8)),
}))

const comments = rows(100, (at) => ({
  Id: idOf('m', at),
  Body: pick(awkward),
  DeletedAt__c: at % 5 === 0 ? new Date(now - at * hour) : null,
  ParentId: orNull(anyId('k', 80), 10),
}))

const tasks = rows(110, (at) => {
  const type = pick(['Account', 'Opportunity', 'Case', null] as const)
  const what = {
    Account: () => anyId('a', 40),
    Opportunity: () => anyId('o', 60),
    Case: () => anyId('k', 80),
  }
  return {
    Id: idOf('t', at),
    Subject: pick(awkward),
    ActivityDate: orNull(pick(edgeDays)),
    IsClosed: pick([true, false, null]),
    WhatId: type === null ? null : what[type](),
    'WhatId:type': type,
    WhoId: orNull(anyId('c', 100), 3),
    OwnerId: orNull(anyId('u', 8)),
  }
})

/** Both tenants have rows of the same ids. */
const folders = tenants.flatMap((tenant) =>
  rows(8, (at) => ({
    Id: idOf('f', at),
    Tenant__c: tenant,
    Name: `${pick(['Plans', 'plans', 'Ärger'])} ${markerOf(tenant)}`,
    ParentId: at < 2 ? null : idOf('f', upTo(at)),
  })),
)

const secrets = tenants.flatMap((tenant) =>
  rows(30, (at) => {
    const about = pick(['Folder', 'Secret', 'Account', null] as const)
    const ids = { Folder: () => anyId('f', 8), Secret: () => anyId('s', 30), Account: () => anyId('a', 20) }
    return {
      Id: idOf('s', at),
      Tenant__c: tenant,
      Name: `${pick(awkward)} ${markerOf(tenant)}`,
      Value__c: orNull(upTo(50) + (tenant === 'globex' ? 1_000_000 : 0)),
      FolderId: orNull(anyId('f', 8)),
      AccountId: orNull(anyId('a', 20)),
      AboutId: about === null ? null : ids[about](),
      'AboutId:type': about,
    }
  }),
)

export const world: World = {
  schema,
  rows: {
    ...{ User: users, Account: accounts, Contact: contacts, Opportunity: opportunities },
    ...{ OpportunityLineItem: lineItems, Case: cases, CaseComment: comments, Task: tasks },
    ...{ Folder: folders, Secret: secrets },
  },
}
