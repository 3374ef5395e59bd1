// Without node_modules/node the shell falls back to the system's Node without a word.
if (!process.version.startsWith('v24.')) {
  console.error(
    `This needs Node 24, but runs on ${process.version}: the pinned Node is missing from node_modules. ` +
      'Run `npm install`; if that blocks install scripts, run `npm install-scripts approve node` first.',
  )
  process.exit(1)
}
