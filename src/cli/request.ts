import type { Bytes } from '../bytes.ts';
import type { Regime } from '../regime.ts';

/** What the options that all regimes share said. */
export interface ServerOptions {
  /** Words that the user vouches for. */
  capabilities: Bytes[];
  /** Left out where the session is to find it out. */
  dialect?: 'classic' | 'current';
  /** Permission bits of the scratch space. */
  scratchMode?: number;
  debug: boolean;
  /** The plain protocol on a terminal too. */
  raw: boolean;
  /** Milliseconds that `open` may take. */
  timeoutOpen?: number;
  /** Milliseconds that `open` may wait for another user of the testbed; 0: not at all. */
  wait?: number;
  /** Milliseconds after which a silent caller's testbed is closed. */
  lease?: number;
  /** When the testbed is left to its user. */
  keep: 'never' | 'on-failure' | 'always';
  /** True where the commands of a session are to have a directory to share. */
  share: boolean;
  /** Commands for the testbed's `sh`, to run after each open and revert, in order. */
  setup: Bytes[];
  /** An absolute path (text, not bytes): what is said both ways is written down there. */
  transcript?: string;
  /** An absolute path (text, not bytes), in place of the state directory of the user. */
  stateDir?: string;
}

/** A regime of the command line with its part of it, checked. */
export interface ChosenRegime {
  regime: Regime;
  /** What `findRegime` finds this regime by in another process: its name, or a path. */
  reference: string;
  /** What a person knows it by: its name and first operand. */
  title: Bytes;
  settings: unknown;
}

/** What a server is asked to serve. */
export interface ServeRequest {
  /** Outermost first; never empty. */
  chain: ChosenRegime[];
  options: ServerOptions;
}
