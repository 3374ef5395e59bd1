// Compiles packages/*/src to dist and puts the plain .sql migrations beside the compiled files.
import { cpSync, globSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fail, root, run } from './bootstrap.mjs'

const packages = ['packages/millrace']

// A fresh start, so that no file of a deleted source is published.
for (const folder of packages) rmSync(join(root, folder, 'dist'), { recursive: true, force: true })

const code = run('tsc', ['-b'])
if (code !== 0) fail('The build failed.')

for (const folder of packages) {
  const source = join(root, folder, 'src')
  for (const file of globSync('**/migrations/*.sql', { cwd: source })) {
    cpSync(join(source, file), join(root, folder, 'dist', file))
  }
}
