/** Of an even number, the mean of the two in the middle. */
export function median(numbers: readonly number[]): number {
  if (numbers.length === 0) throw new Error('nothing was measured')
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

/** Nearest rank: the smallest value that `share` of them do not exceed. */
export function percentile(numbers: readonly number[], share: number): number {
  if (numbers.length === 0) throw new Error('nothing was measured')
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number
}

/** Above 1 ours is better, whether more or less is good. */
export function ratio(ours: number, theirs: number, better: 'more' | 'less'): number {
  return round(better === 'more' ? ours / theirs : theirs / ours, 3)
}

/** Three figures that count, so that small and large values are told alike. */
export function round(value: number, figures = 3): number {
  return Number(value.toPrecision(figures))
}
