/** A row of the table `account`, in the words of the standards document. */
export interface Account {
  readonly Id: string
  readonly Name: string
  readonly Industry: string | null
  readonly Status__c: string | null
}

/** Whatever can run one statement: `tx` of a transaction, a test mill, `ctx` of a handler. */
export interface Sql {
  sql<Row extends object>(segments: TemplateStringsArray, ...values: readonly unknown[]): Promise<Row[]>
}

export async function createAccountTables(db: Sql): Promise<void> {
  await db.sql`create table account (Id text primary key, Name text not null, Industry text, Status__c text) strict`
  // Somebody else's locks: the row cannot be had before attempt `until_attempt`.
  await db.sql`create table locked (account_id text primary key, until_attempt integer not null) strict`
}

/** What TestDataFactory.createAccounts does there. Returns the ids. */
export async function insertAccounts(
  db: Sql,
  count: number,
  industry: string | null = 'Energy',
): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, n) => `001${String(n).padStart(15, '0')}`)
  for (const [n, id] of ids.entries()) {
    await db.sql`insert into account (Id, Name, Industry) values (${id}, ${`Account ${n}`}, ${industry})`
  }
  return ids
}
