import { expect, test } from 'vitest'
import { Group, splitting } from './group.ts'

/** A group whose flushes end when the test says so. */
function controlled(cap?: number) {
  const flushes: { items: readonly string[]; end: (error?: Error) => void }[] = []
  const group = new Group<string, string>(
    (items) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error): void => {
          if (error === undefined) resolve(items.map((item) => item.toUpperCase()))
          else reject(error)
        }
        flushes.push({ items, end })
      }),
    cap === undefined ? {} : { cap },
  )
  return { group, flushes }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('callers of one turn share the first flush; what comes meanwhile gathers behind it', async () => {
  const { group, flushes } = controlled()
  const first = [group.add('a'), group.add('b')]
  await turn()
  expect(flushes.map(({ items }) => items)).toEqual([['a', 'b']])
  const second = [group.add('c'), group.add('d')]
  await turn()
  expect(flushes).toHaveLength(1)
  flushes[0]!.end()
  expect(await Promise.all(first)).toEqual(['A', 'B'])
  await turn()
  expect(flushes[1]?.items).toEqual(['c', 'd'])
  flushes[1]!.end()
  expect(await Promise.all(second)).toEqual(['C', 'D'])
})

test('nobody is answered before the flush has returned', async () => {
  const { group, flushes } = controlled()
  let answered = false
  const added = group.add('a').then(() => (answered = true))
  await turn()
  await turn()
  expect(answered).toBe(false)
  flushes[0]!.end()
  await added
})

test('a flush takes at most its cap', async () => {
  const { group, flushes } = controlled(2)
  const all = ['a', 'b', 'c', 'd', 'e'].map((item) => group.add(item))
  for (let done = 0; done < 3; done += 1) {
    await turn()
    flushes[done]!.end()
  }
  expect(await Promise.all(all)).toEqual(['A', 'B', 'C', 'D', 'E'])
  expect(flushes.map(({ items }) => items)).toEqual([['a', 'b'], ['c', 'd'], ['e']])
})

test('a flush that fails fails its own members, not those behind it', async () => {
  const { group, flushes } = controlled()
  const first = group.add('a')
  await turn()
  const second = group.add('b')
  flushes[0]!.end(new Error('no'))
  await expect(first).rejects.toThrow('no')
  await turn()
  flushes[1]!.end()
  expect(await second).toBe('B')
})

test('one member may be refused alone', async () => {
  const group = new Group<string, string>(async (items) =>
    items.map((item) => (item === 'bad' ? Promise.reject<string>(new Error('bad')) : item)),
  )
  const [good, bad] = [group.add('good'), group.add('bad')]
  expect(await good).toBe('good')
  await expect(bad).rejects.toThrow('bad')
})

test('a flush that throws at once is a failed flush', async () => {
  const group = new Group<string, string>(() => {
    throw new Error('at once')
  })
  await expect(group.add('a')).rejects.toThrow('at once')
  await expect(group.add('b')).rejects.toThrow('at once')
})

test('idle waits for all that was added, also behind a flush', async () => {
  const { group, flushes } = controlled()
  await group.idle()
  void group.add('a')
  let idle = false
  const waiting = group.idle().then(() => (idle = true))
  await turn()
  void group.add('b')
  flushes[0]!.end()
  await turn()
  await turn()
  expect(idle).toBe(false)
  flushes[1]!.end()
  await waiting
})

test('splitting: one bad member does not sink the rest, answers in input order', async () => {
  const tried: (readonly number[])[] = []
  let splits = 0
  const answers = await splitting<number, string>(
    [1, 2, 3, 4, 5],
    async (items) => {
      tried.push(items)
      if (items.includes(4)) throw new Error('four')
      return items.map(String)
    },
    {
      divisible: () => true,
      onSplit: () => void (splits += 1),
      onSingle: async (item, error) => `${String(item)}: ${(error as Error).message}`,
    },
  )
  expect(answers).toEqual(['1', '2', '3', '4: four', '5'])
  expect(tried).toEqual([[1, 2, 3, 4, 5], [1, 2], [3, 4, 5], [3], [4, 5], [4], [5]])
  expect(splits).toBe(3)
})

test('splitting: what is not the members’ fault is passed on', async () => {
  const away = splitting<number, string>([1, 2], async () => Promise.reject(new Error('away')), {
    divisible: (error) => (error as Error).message !== 'away',
    onSingle: async () => 'never',
  })
  await expect(away).rejects.toThrow('away')
})
