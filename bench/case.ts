import type { Workshop } from './workshop.ts';

/** Takes one measurement, in the unit of its row: milliseconds or MiB. */
export type Measure = (round: number) => number | Promise<number>;

/** The two that are compared. What the measurements need was made before, untimed. */
export interface Pair {
  ours: Measure;
  theirs: Measure;
}

/** What ours has to reach against theirs. `none` is a row that only informs. */
export type Target =
  | { kind: 'faster'; times: number }
  | { kind: 'at-most'; times: number }
  | { kind: 'more'; by: number }
  | { kind: 'below'; value: number }
  | { kind: 'none' };

/**
 * One row of the table. To add one, write its case in a file of `cases/` and name it in
 * `cases/index.ts`: nothing else knows the rows.
 */
export interface Case {
  /** What is measured; `--only` looks in here. */
  name: string;
  /** What it is compared with. */
  against: string;
  unit: 'ms' | 'MiB';
  target: Target;
  /** How often each side is measured, after one round that does not count. */
  rounds: number;
  /** @throws Skip where this machine can't measure it */
  prepare(workshop: Workshop): Promise<Pair> | Pair;
}

/** A case that can't run on this machine; the message is the reason. */
export class Skip extends Error {
  override readonly name = 'Skip';
}
