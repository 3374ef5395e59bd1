import { defineConfig } from 'millrace'

export default defineConfig({
  storage: process.env['FLIGHTS_STORAGE'] ?? 'sqlite:data/flights.db',
  definitions: ['src/jobs.ts', 'src/ratings.ts', 'src/objects.ts'],
  concurrency: 4,
  // Short, so that after a kill the airports that were being worked on come again soon.
  lease: process.env['FLIGHTS_LEASE'] ?? '3 seconds',
  // A job whose process died three times is normally parked as dangerous. Here the killing is the reader's.
  maxDeaths: 100,
})
