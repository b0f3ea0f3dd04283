import type { Readable } from 'node:stream';

import type { Argv, Bytes } from '../bytes.ts';

/** How a command ended: an exit status, or the signal that ended it. */
export type Ending = { status: number } | { signal: NodeJS.Signals };

export interface Outcome {
  ending: Ending;
  /** What the command wrote, the last `maxOutput` bytes of each stream. */
  stdout: Bytes;
  stderr: Bytes;
}

export interface RunOptions {
  /** Written to the command's stdin, which is then closed. Default: nothing. */
  input?: Bytes | Buffer;
  /** Ends the command: SIGTERM to its process group, a grace, SIGKILL. The promise then rejects. */
  signal?: AbortSignal;
  /** Milliseconds until the same happens by itself; the promise rejects with `TimedOut`. */
  deadline?: number;
  /** Bytes kept of each output stream. Default 1 MiB. */
  maxOutput?: number;
  /** Told of each piece that the command writes to stderr, as it comes. */
  heard?: (piece: Bytes) => void;
}

/** One member of a child's descriptor table: a descriptor of ours, a new pipe, or /dev/null. */
export type Stdio = number | 'pipe' | 'ignore';

export interface SpawnOptions {
  /** Descriptors 0, 1, 2 and on. */
  stdio: readonly Stdio[];
  /** As for `run`. */
  signal?: AbortSignal;
}

/** A command that is running on a Place. */
export interface Running {
  readonly stdin: NodeJS.WritableStream | null;
  readonly stdout: NodeJS.ReadableStream | null;
  readonly stderr: NodeJS.ReadableStream | null;
  /** How it ended; settles after the streams have ended. Rejects where it could not be started. */
  readonly ended: Promise<Ending>;
  /** Sends a signal to the command's process group (which also reaches an auxverb's command). */
  kill(signal: NodeJS.Signals): void;
  /** Lets go of what is to outlive this process: its streams are closed, nobody waits for its end. */
  release?(): void;
}

/**
 * Somewhere commands run: this host, a machine behind ssh, a container. A regime
 * turns one Place into a deeper one, and does its work by running commands on
 * its outer Place, never by assuming that this is the host.
 */
export interface Place {
  /** For messages: "this host", "the chroot testbed". */
  readonly label: string;
  /**
   * The argv prefix that a process *on the host* puts before a command to run it on this
   * Place, with its own stdin, stdout and stderr (an auxverb; empty for the host itself).
   * No member holds a comma or a percent sign, which callers would decode twice. Exit
   * statuses are those of the auxverb contract: 0-253 the command's own or 128+N, and 255
   * where the Place itself is gone.
   */
  readonly prefix: Argv;
  /**
   * True where what its commands read and write passes through this process, also behind the prefix: who
   * copies much is quicker without an auxverb between.
   */
  readonly relayed?: boolean;
  /** True where its files are this host's, under the same names. */
  readonly isHost: boolean;
  /** A directory that is the host's too, under a name of its own there. */
  readonly shared?: { readonly here: Bytes; readonly onHost: Bytes };
  /** Runs a command to its end and collects its output. */
  run(argv: Argv, options?: RunOptions): Promise<Outcome>;
  /** Starts a command whose streams the caller takes care of. */
  spawn(argv: Argv, options: SpawnOptions): Running;
  /** Its files by way of who keeps it, for where no tar runs there. */
  readonly archive?: Archive;
  /** Where it has no shell: the path of the program there that runs our scripts by their names. */
  readonly standIn?: Bytes;
}

/** Trees of files as tar archives, read and written from outside. Paths are absolute. */
export interface Archive {
  /**
   * Extracts an archive into a directory that is there, with the owners that it names. A directory
   * is merged into one that is there; a directory that meets something else, or something else a
   * directory, is an error. On an error part of it may have been extracted.
   * @throws CopyFailed, or the signal's reason
   */
  put(
    directory: Bytes,
    tar: Iterable<Buffer> | AsyncIterable<Buffer>,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * What is there, as an archive whose members' names begin with the last part of the path. Links on
   * the way are followed, one at the end may be. Undefined where there is nothing.
   * @throws CopyFailed, or the signal's reason
   */
  get(path: Bytes, signal: AbortSignal): Promise<Readable | undefined>;
}

/**
 * The argv that runs a command on a Place so that it ends with the session, however that ends. Elsewhere
 * it goes with the testbed; on this host only the auxverb sees to that.
 */
export function endingWithSession({ isHost, prefix }: Place, argv: Argv): Argv {
  return isHost ? [...prefix, ...argv] : argv;
}

/** The end of a child process, as its events `exit` and `close` say it. */
export function endingOfExit(status: number | null, signal: NodeJS.Signals | null): Ending {
  return signal ? { signal } : { status: status ?? 255 };
}

/** True where the command ended with exit status 0. */
export function succeeded(outcome: Outcome): boolean {
  return 'status' in outcome.ending && outcome.ending.status === 0;
}

/** "exit status 3" or "signal SIGKILL", for messages. */
export function describeEnding(ending: Ending): string {
  return 'status' in ending ? `exit status ${ending.status}` : `signal ${ending.signal}`;
}
