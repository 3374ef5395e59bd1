import { join } from 'node:path'
import ts from 'typescript'
import { repository } from './page.ts'

/** One program over all sources, with the repository's own options. */
export function createProgram(sources: readonly string[]): ts.Program {
  const base = ts.readConfigFile(join(repository, 'tsconfig.base.json'), (path) => ts.sys.readFile(path))
  const { compilerOptions } = base.config as { readonly compilerOptions: object }
  const { options, errors } = ts.convertCompilerOptionsFromJson(
    {
      ...compilerOptions,
      noEmit: true,
      allowImportingTsExtensions: true,
      customConditions: ['millrace-source'],
      typeRoots: [join(repository, 'node_modules/@types')],
    },
    repository,
  )
  if (errors.length > 0) throw new Error(errors.map(({ messageText }) => textOf(messageText)).join('\n'))
  return ts.createProgram(sources, options)
}

/** What is wrong with one source, each with `file:line`. */
export function problemsOf(program: ts.Program, source: string): string[] {
  const file = program.getSourceFile(source)
  if (file === undefined) return [`${source} is not there`]
  return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map((found) => {
    const { line } = ts.getLineAndCharacterOfPosition(file, found.start ?? 0)
    return `${source}:${line + 1}: ${textOf(found.messageText)}`
  })
}

function textOf(message: string | ts.DiagnosticMessageChain): string {
  return ts.flattenDiagnosticMessageText(message, '\n')
}
