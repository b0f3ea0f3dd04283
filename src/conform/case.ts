import type { Trial } from './trial.ts';

export type Dialect = 'classic' | 'current';

/** One thing that the contract asks of a server. */
export interface Case {
  /** The rule's name in regime-protocol(7). */
  readonly rule: string;
  /** What is so, as a sentence. */
  readonly name: string;
  /** Left out where it holds for both generations. */
  readonly dialect?: Dialect;
  /** True where the case is about the dialect being spoken at all. */
  readonly asksForDialect?: boolean;
  /** Throws where it isn't so; `skip` says why it can't be tried on this server. */
  run(trial: Trial): Promise<void>;
}

/** What is shown and asked for with `--only`. */
export function titleOf({ rule, name }: Case): string {
  return `${rule}: ${name}`;
}
