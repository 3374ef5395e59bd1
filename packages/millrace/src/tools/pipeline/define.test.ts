import { expect, test } from 'vitest'
import { approvalStep, signalStep } from './answer-step.ts'
import { defineQueueable } from '../queueable/define.ts'
import { batchStep, queueableStep } from './child-step.ts'
import { calloutStep } from './callout-step.ts'
import { cursorStep } from './cursor-step.ts'
import { definePipeline } from './define.ts'
import { step } from './step.ts'
import { delayStep, waitUntil } from './wait-step.ts'

const execute = (): void => undefined
const queueable = defineQueueable({ name: 'q', execute })
const a = step({ name: 'a', execute })

test('a definition is a frozen value with what it was given', () => {
  const pipeline = definePipeline({ name: 'p', state: { n: 1 }, queue: 'q' }, [a])
  expect(pipeline).toMatchObject({
    ...{ kind: 'definition', tool: 'pipeline', several: true, name: 'p', version: 1, hasFinalizer: false },
    ...{ options: { queue: 'q' }, steps: [{ name: 'a', body: { kind: 'plain', maxRestarts: 1_000 } }] },
  })
  expect([pipeline, pipeline.steps, pipeline.steps[0], a.body].every((value) => Object.isFrozen(value))).toBe(
    true,
  )
  expect(cursorStep({ name: 'c', open: execute as never, onPage: execute }).body).toMatchObject({
    size: 2_000,
  })
  expect(calloutStep({ name: 'c', callout: execute }).timeout).toBe('30 seconds')
})

const invalid = 'MILL_PIPELINE_STEP_INVALID'
test.for<[options: object, steps: unknown, code: string, says: string]>([
  [{}, [a, a], invalid, 'two steps named a'],
  [{}, [{ name: 'a', execute }], invalid, 'step 0 of pipeline p was not made by step'],
  [{}, undefined, 'MILL_DEFINITION_INVALID', 'must be a list'],
  [{}, Array.from({ length: 1_001 }, () => a), 'MILL_DEFINITION_INVALID', '1001 steps'],
  [{ state: 'x'.repeat(1_048_577) }, [a], 'MILL_STATE_TOO_LARGE', 'state'],
  [{ state: execute }, [a], 'MILL_INPUT_UNSERIALIZABLE', 'state'],
  [{ onFailed: 1 }, [a], 'MILL_DEFINITION_INVALID', 'onFailed'],
  [{ version: 0 }, [a], 'MILL_DEFINITION_INVALID', 'version'],
  [{ steps: [a] }, [a], 'MILL_OPTIONS_INVALID', 'steps'],
])('refused: %o', ([options, steps, code, says]) => {
  expect(() => definePipeline({ name: 'p', ...options } as never, steps as never)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(says) as string }),
  )
})

test.for<[what: string, make: () => unknown, code: string]>([
  ['no execute', () => step({ name: 'a' } as never), invalid],
  ['a bad name', () => step({ name: '1', execute }), 'MILL_NAME_INVALID'],
  ['shouldRestart', () => step({ name: 'a', execute, shouldRestart: true as never }), invalid],
  ['maxRestarts', () => step({ name: 'a', execute, maxRestarts: -1 }), invalid],
  ['finalize', () => step({ name: 'a', execute, finalize: 1 as never }), invalid],
  ['when', () => step({ name: 'a', execute, when: 1 as never }), invalid],
  ['retry', () => step({ name: 'a', execute, retry: { attempts: 0 } }), 'MILL_OPTIONS_INVALID'],
  ['timeout', () => step({ name: 'a', execute, timeout: '0' }), 'MILL_DURATION_INVALID'],
  ['an option of another kind', () => step({ name: 'a', execute, size: 1 } as never), 'MILL_OPTIONS_INVALID'],
  ['no open', () => cursorStep({ name: 'a', onPage: execute } as never), invalid],
  ['no onPage', () => cursorStep({ name: 'a', open: execute } as never), invalid],
  [
    'size',
    () => cursorStep({ name: 'a', open: execute as never, onPage: execute, size: 10_001 }),
    'MILL_OPTIONS_INVALID',
  ],
  ['no callout', () => calloutStep({ name: 'a' } as never), invalid],
  ['apply', () => calloutStep({ name: 'a', callout: execute, apply: 1 as never }), invalid],
  ['delay', () => delayStep({ name: 'a', delay: 'soon' }), 'MILL_DURATION_INVALID'],
  ['until', () => waitUntil({ name: 'a', until: new Date(NaN) }), invalid],
  ['onTimeout', () => signalStep({ name: 'a', onTimeout: 'wait' as never }), invalid],
  ['notify', () => signalStep({ name: 'a', notify: 1 as never }), invalid],
  ['data', () => signalStep({ name: 'a', data: {} as never }), 'MILL_DEFINITION_INVALID'],
  ['a form of a signal', () => signalStep({ name: 'a', form: {} } as never), 'MILL_OPTIONS_INVALID'],
  ['onReject', () => approvalStep({ name: 'a', onReject: 'no' as never }), invalid],
  ['a queueable for a batch', () => batchStep({ name: 'a', run: queueable, input: execute }), invalid],
  ['no definition', () => queueableStep({ name: 'a', run: {} as never, input: execute as never }), invalid],
  ['no input', () => queueableStep({ name: 'a', run: queueable } as never), invalid],
  [
    'unique',
    () => queueableStep({ name: 'a', run: queueable, input: execute, options: { unique: 'k' } as never }),
    invalid,
  ],
  ['no time to answer', () => approvalStep({ name: 'a', timeout: '0' }), 'MILL_DURATION_INVALID'],
])('a step is refused for %s', ([, make, code]) => {
  expect(make).toThrow(expect.objectContaining({ code }))
})
