import type { Target } from './case.ts';

/** Measurements of one side, in the unit of the row. */
export interface Summary {
  median: number;
  min: number;
  max: number;
}

/** @param values at least one */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? NaN;
  const middle = sorted.length / 2;
  const median = (at(Math.ceil(middle) - 1) + at(Math.floor(middle))) / 2;
  return { median, min: at(0), max: at(sorted.length - 1) };
}

/** How the medians compare, in words. */
export function compare(ours: number, theirs: number): string {
  const ratio = theirs / ours;
  return ratio >= 1 ? `${digits(ratio)} x less` : `${digits(1 / ratio)} x more`;
}

/** True where the medians meet the target; undefined where there is none. */
export function isMet(target: Target, ours: number, theirs: number): boolean | undefined {
  switch (target.kind) {
    case 'faster':
      return theirs >= ours * target.times;
    case 'at-most':
      return ours <= theirs * target.times;
    case 'more':
      return ours - theirs <= target.by;
    case 'below':
      return ours <= target.value;
    case 'none':
      return undefined;
  }
}

export function describeTarget(target: Target): string {
  switch (target.kind) {
    case 'faster':
      return target.times === 1 ? 'faster' : `${target.times} x faster`;
    case 'at-most':
      return target.times === 1 ? 'no slower' : `at most ${target.times} x`;
    case 'more':
      return `at most ${target.by} ms more`;
    case 'below':
      return `at most ${target.value} ms`;
    case 'none':
      return '-';
  }
}

/** Three digits that count, as a person reads them. */
export function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
