import { describe, expect, test } from 'vitest'
import { defineBatch, type BatchDefinition } from './define.ts'

const functions = { start: () => [], execute: () => undefined }
/** As a program without types may call it. */
const defineLoosely = defineBatch as unknown as (options: object) => BatchDefinition

test('a definition has its defaults and is frozen', () => {
  const batch = defineBatch({ name: 'nightly', ...functions })
  expect(batch).toMatchObject({
    ...{ kind: 'definition', tool: 'batch', several: true, name: 'nightly', version: 1, hasFinalizer: false },
    ...{ scope: 200, by: 'records', bisect: false, snapshot: undefined, state: undefined, options: {} },
    ...{ concurrency: 1, merge: undefined },
  })
  expect(Object.isFrozen(batch)).toBe(true)
  expect(defineBatch({ name: 'nightly', ...functions, onFailed: () => undefined }).hasFinalizer).toBe(true)
})

test('a number of chunks at once is no bound over jobs, an object is one; a state is merged', () => {
  const merge = (total: number, part: number) => total + part
  const atOnce = defineBatch({ name: 'nightly', ...functions, concurrency: 4, state: 0, merge })
  expect(atOnce).toMatchObject({ concurrency: 4, options: {}, merge })
  const bound = defineBatch({ name: 'nightly', ...functions, concurrency: { limit: 4 } })
  expect(bound).toMatchObject({ concurrency: 1, options: { concurrency: { limit: 4 } } })
})

describe('refused', () => {
  const loop: Record<string, unknown> = {}
  loop['self'] = loop
  test.for<[options: object, code: string, says: string]>([
    [{ start: undefined }, 'MILL_DEFINITION_INVALID', 'start'],
    [{ execute: 1 }, 'MILL_DEFINITION_INVALID', 'execute'],
    [{ finish: {} }, 'MILL_DEFINITION_INVALID', 'finish'],
    [{ onAborted: 'x' }, 'MILL_DEFINITION_INVALID', 'onAborted'],
    [{ onFailed: null }, 'MILL_DEFINITION_INVALID', 'onFailed'],
    [{ name: '1' }, 'MILL_NAME_INVALID', 'defineBatch'],
    [{ version: 0 }, 'MILL_DEFINITION_INVALID', 'version'],
    [{ input: {} }, 'MILL_DEFINITION_INVALID', 'input'],
    [{ scope: 0 }, 'MILL_OPTIONS_INVALID', 'scope'],
    [{ scope: 10_001 }, 'MILL_OPTIONS_INVALID', 'scope'],
    [{ scope: 1.5 }, 'MILL_OPTIONS_INVALID', 'scope'],
    [{ scope: '200' }, 'MILL_OPTIONS_INVALID', 'scope'],
    [{ snapshot: 1 }, 'MILL_DEFINITION_INVALID', 'snapshot'],
    [{ bisect: 'yes' }, 'MILL_DEFINITION_INVALID', 'bisect'],
    [{ by: 'row' }, 'MILL_DEFINITION_INVALID', 'by'],
    [{ by: 'range', snapshot: true }, 'MILL_DEFINITION_INVALID', 'range'],
    [{ state: () => 1 }, 'MILL_INPUT_UNSERIALIZABLE', 'state of batch nightly'],
    [{ state: loop }, 'MILL_INPUT_UNSERIALIZABLE', 'state'],
    [{ state: 'x'.repeat(1_048_577) }, 'MILL_STATE_TOO_LARGE', 'state'],
    [{ scopes: 1 }, 'MILL_OPTIONS_INVALID', 'scope'],
    [{ retry: { attempts: 0 } }, 'MILL_OPTIONS_INVALID', 'attempts'],
    [{ timeout: '0' }, 'MILL_DURATION_INVALID', 'timeout'],
    [{ concurrency: 0 }, 'MILL_OPTIONS_INVALID', 'concurrency'],
    [{ concurrency: 101 }, 'MILL_OPTIONS_INVALID', 'concurrency'],
    [{ concurrency: { limit: 0 } }, 'MILL_OPTIONS_INVALID', 'concurrency'],
    [{ concurrency: 2, state: { seen: 0 } }, 'MILL_DEFINITION_INVALID', 'merge'],
    [{ merge: 1 }, 'MILL_DEFINITION_INVALID', 'merge'],
  ])('%o', ([options, code, says]) => {
    expect(() => defineLoosely({ name: 'nightly', ...functions, ...options })).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(says) as string }),
    )
  })
})
