import type { Argv } from '../bytes.ts';
import type { Logger } from '../log.ts';
import type { Regime } from '../regime.ts';
import type { KeepPolicy } from './ending.ts';
import type { Repository } from './repository.ts';

/** What a session is made of and how. */
export interface SessionOptions {
  /** Outermost first. `reference` is what a reaper finds the regime by. */
  chain: readonly { regime: Regime; reference: string; settings: unknown }[];
  repository: Repository;
  log: Logger;
  /** Capabilities that the user vouches for. */
  vouched: Argv;
  /** Permission bits of the scratch space. */
  scratchMode?: number;
  /** Milliseconds that `open` may take. */
  timeoutOpen?: number;
  /** Milliseconds that `open` may wait for another user of the testbed. */
  wait?: number;
  /** When the testbed is left to its user. */
  keep: KeepPolicy;
  /** True where the commands of a session are to have a directory to share. */
  share: boolean;
  /** Scripts for the testbed's `sh`, run after each open and revert. */
  setup: Argv;
  /** Milliseconds that a copy may take. */
  copyTimeLimit: number;
  /** The descriptors that the caller passed to the server. */
  inherited: ReadonlySet<number>;
}
