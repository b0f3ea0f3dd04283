import type { Argv, Bytes } from './bytes.ts';
import type { Logger } from './log.ts';
import type { Place } from './place/place.ts';

// What a regime of somebody else's needs to name.
export type { Argv, Bytes } from './bytes.ts';
export type { Logger } from './log.ts';
export type {
  Ending,
  Outcome,
  Place,
  RunOptions,
  Running,
  SpawnOptions,
  Stdio,
} from './place/place.ts';

/** What a testbed is apart from what it can do (which shows in the methods it has). */
export interface Traits {
  /**
   * How strongly it is kept apart from the host: not at all, as a container that shares the kernel
   * and can have services of its own, as a machine. Advertised as `isolation-…`.
   */
  isolation: 'none' | 'container' | 'machine';
  /** What `revert` takes back. Left out where there is no `revert`. */
  reverts?: 'packages' | 'everything';
  /**
   * True where all of the testbed's file system is its own and goes with it, so that a user
   * account may be added to it and its scratch space may be open to everybody.
   */
  ephemeral: boolean;
  /** Further words for `capabilities`, which whoever made the testbed vouches for. */
  vouched?: Argv;
  /** The account that a normal user has there, where the regime knows one. */
  normalUser?: Bytes;
  /** Why uid 0 there can't do what root does, for which `root-on-testbed` is then withdrawn. */
  limitedRoot?: string;
}

/** A testbed that is open. Capability = presence: what it can't do it has no method for. */
export interface Testbed {
  readonly place: Place;
  readonly traits: Traits;
  /** Puts the testbed back to what it was after `open`. `place` and `traits` may be others after it. */
  revert?(context: Context): Promise<void>;
  /** Reboots; with `prepareOnly` waits for the testbed to go down by itself. Proven before it returns. */
  reboot?(context: Context, prepareOnly: boolean): Promise<void>;
  /**
   * Sets the whole environment (`VAR=VALUE`) of the commands that are run from now on. Where there is
   * no such method commands get the environment of whoever runs them.
   */
  setEnvironment?(variables: Argv, context: Context): Promise<void>;
  /**
   * Told once what has to be done with a fresh testbed before a caller may use it. One that keeps
   * spares does it with each, ahead of the `revert` that then hands out the spare's `place`.
   */
  prepareSpares?(prepare: SparePreparation): void;
  /**
   * Lets the testbed outlive its server, for its user to look at: from then on `reach` opens it again
   * and `discard` takes it away, by the state that was checkpointed last. What stands by goes. Where
   * there is no such method, or it rejects, the testbed is closed as usual.
   */
  keep?(context: Context): Promise<void>;
  /**
   * There where the testbed has the session share, as its plan named it, of its own: it is there when
   * `open` resolves, outlives `revert` and `reboot`, and goes with the testbed. Elsewhere the session
   * makes it, and carries it over.
   */
  readonly share?: {
    /** Its name on this host, if it has one. */
    host?: Bytes;
  };
  /** What is known about a failure: logs, console, state. */
  debugFailure?(): Promise<string>;
  /** Ends the testbed and takes it away. May be called again. Resolves when nothing is left. */
  close(context: Context): Promise<void>;
}

/** Does with a spare testbed what is done with one that was just opened; rejects where it is unfit. */
export type SparePreparation = (spare: SpareTestbed) => Promise<void>;

/** A testbed that a later `revert` may hand out. */
export type SpareTestbed = Pick<Testbed, 'place' | 'traits' | 'share'> & {
  setEnvironment: (variables: Argv) => Promise<void>;
};

/** What travels with each step: how to stop it, until when, whom to tell, what to write down. */
export interface Context {
  /** Aborted when the step is to be given up: the caller has gone, a signal came, time is up. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /**
   * Milliseconds to wait for another user of a testbed that only one may have; left out: as long as
   * it takes. See `waitForOthers` in src/place/reservation.ts.
   */
  readonly wait?: number;
  /** True for what nobody has asked for, as the reaping at a start: so nobody is asked for anything. */
  readonly unattended?: boolean;
  /** Writes the regime's state into the session record; resolves when it is on disk. */
  checkpoint(state: unknown): Promise<void>;
}

/** The session as a regime sees it, to derive names and places from. */
export interface SessionInfo {
  /** Eight or more characters of [a-z0-9]; unique on this machine and very likely elsewhere. */
  readonly id: string;
  /** The session's own directory on the host, mode 0700. */
  readonly directory: Bytes;
  /** The directory that holds the sessions of this user. */
  readonly repository: Bytes;
  /** Where the session share is to be on the testbed; left out where none is wanted. */
  readonly share?: Bytes;
  /** True where the outer Place is this host, so that it can keep things in `directory`. */
  readonly local: boolean;
  /** True where what the caller does is done to this testbed itself, and not inside another one. */
  readonly bare: boolean;
}

/** One thing that `regime doctor` tried on this machine. */
export interface Finding {
  /** What was tried, as a phrase: `a testbed over /`. */
  what: string;
  /** `limited`: the regime works, but not all of it does. `missing`: without it the regime does not work. */
  state: 'works' | 'limited' | 'missing';
  /** What was seen: a version, or the reason. */
  detail?: string;
  /** The command of a shell that mends it, where there is one. */
  fix?: string;
}

/** What a check gets: how to stop it, whom to tell, and an empty directory that goes after it. */
export interface CheckContext extends Pick<Context, 'signal' | 'log'> {
  /** On this host, on the file system of the session records, mode 0700. */
  readonly directory: Bytes;
}

/** One option of a regime or of the server, from which parser, `--help` and man page are made. */
export interface OptionSpec {
  /** Long name without dashes, as `keep-home`. */
  name: string;
  /** One letter without its dash. */
  short?: string;
  /** The name of its value, as `DIR`; left out for a switch. */
  value?: string;
  /**
   * What it means without a value, which then has to be bound to it: `--pull` and `--pull=never`,
   * but in `--pull never` the second word is no value.
   */
  implied?: string;
  /** True where it may be given several times. */
  repeat?: boolean;
  /** One or more sentences for --help and the man page. Plain text. */
  help: string;
}

/** What a command line gave a regime. */
export interface Arguments {
  /** Words that are no options, as bytes. */
  readonly operands: Argv;
  /** True where the switch was given. */
  flag(name: string): boolean;
  /** The last value given, as bytes. */
  value(name: string): Bytes | undefined;
  /** All values given, in order. */
  values(name: string): Argv;
}

/** Words of a regime's command line that `regime auto` may try. */
export interface Offer {
  readonly operands: Argv;
  /** Options by their names; empty for a switch. */
  readonly options?: Readonly<Record<string, Bytes>>;
  /** True where it may download something: tried after what is here already. */
  readonly fetches?: boolean;
}

/**
 * A way to have a testbed. `Settings` is what the command line said, checked;
 * `State` is what is written down to find the testbed again, plain JSON.
 */
export interface Regime<Settings = unknown, State = unknown> {
  readonly name: string;
  /** One line for `regime --help`. */
  readonly summary: string;
  /** The operands as in a SYNOPSIS, as `DIR | TARBALL | /`. */
  readonly operands: string;
  readonly options: readonly OptionSpec[];
  /** Options that it takes too, and that are explained where they belong: with other regimes. */
  readonly borrowedOptions?: readonly OptionSpec[];
  /**
   * True where the words after the first operand are not ours but arguments for another
   * program (docker run): option parsing stops at the first operand.
   */
  readonly passesArguments?: boolean;
  /** True where what is done in its testbeds is done to the outer Place. */
  readonly passesThrough?: boolean;
  /**
   * True where what it makes does not end with the outer Place, by which it is only reached, as
   * containers of an engine: for `discard` that Place is opened again.
   */
  readonly outlivesOuter?: boolean;
  /**
   * Checks the command line. `local` says that the outer Place is this host, so that its files
   * can be looked at; nothing is made, no engine and no network is asked.
   * @throws UsageError for wrong words or a missing local file
   */
  configure(given: Arguments, local: boolean): Settings;
  /**
   * What `capabilities` shows before `open`, if all goes as usual; afterwards a probe decides.
   * @param state of a testbed that was opened before
   */
  foresee?(
    settings: Settings,
    state?: State,
  ): {
    root?: boolean;
    reverts?: 'packages' | 'everything';
    reboot?: boolean;
  };
  /**
   * What of it suits an operand of `regime auto`, or none given. `local` as for `configure`; no engine
   * and no network is asked. No such method: `regime auto` never takes it.
   */
  offers?(operand: Bytes | undefined, local: boolean): readonly Offer[];
  /**
   * Tries on the outer Place what its testbeds need, in a second or two. Takes away what it makes; a
   * rejection is a finding too.
   */
  check?(outer: Place, context: CheckContext): Promise<Finding[]>;
  /** What a testbed of that plan or state is, as a phrase for `regime sessions`. */
  holds?(settings: Settings, state: State): string;
  /** Names everything that `open` is going to make. Pure: it is written down first. */
  plan(settings: Settings, session: SessionInfo): State;
  /**
   * Makes the testbed on the outer Place.
   * @throws TestbedError where it can't; then nothing is left of it
   * @throws LeftBehind where it can't, and something is left, which `discard` will find
   */
  open(settings: Settings, state: State, outer: Place, context: Context): Promise<Testbed>;
  /**
   * Opens again what outlives its server: what was kept, for its user; any other, so that what was begun
   * there can be finished before `discard`. To `close` it lets go of it. Undefined, or no such method,
   * where a dead server's testbed has gone with it.
   */
  reach?(
    settings: Settings,
    state: State,
    outer: Place,
    context: Context,
  ): Promise<Testbed | undefined>;
  /** Takes away what a dead server's testbed left, from its plan or a later state. Idempotent. */
  discard(state: State, outer: Place, context: Context): Promise<void>;
}
