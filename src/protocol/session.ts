import type { Argv, Bytes } from '../bytes.ts';

/** What `execute` asks for: files on the testbed, a directory, and the keywords. */
export interface ExecuteRequest {
  command: Argv;
  stdin: Bytes;
  stdout: Bytes;
  stderr: Bytes;
  directory: Bytes;
  /** `VAR=VALUE`, in order. */
  environment: Argv;
  /** Milliseconds. */
  timeout?: number;
  /** What the command writes to its descriptor `from` goes to the server's descriptor `to`. */
  debug?: { from: number; to: number };
}

/** Both names as the caller gave them, with or without their final slash as `kind` says. */
export interface CopyWords {
  host: Bytes;
  testbed: Bytes;
  kind: 'file' | 'directory';
  /** How a directory meets one that is there: it takes its place, or goes into it. */
  existing: 'replace' | 'merge';
}

/** One capability: a word, or a name with a value that is encoded on the wire. */
export interface Capability {
  name: string;
  value?: Bytes;
}

/**
 * What the protocol drives. Each step rejects with a TestbedError where the testbed failed, with
 * CopyFailed or TimedOut where the session lives on, and with the reason of its signal where that
 * was aborted. The protocol calls no step in the wrong state and one at a time.
 */
export interface Session {
  readonly isOpen: boolean;
  /** Computed anew at each call from what the testbed can do. */
  capabilities(): Capability[];
  /** Resolves with the scratch space's path on the testbed. */
  open(signal: AbortSignal): Promise<Bytes>;
  /** Resolves with the same path. */
  revert(signal: AbortSignal): Promise<Bytes>;
  reboot(prepareOnly: boolean, signal: AbortSignal): Promise<void>;
  /**
   * Does nothing where nothing is open. Takes no signal: it is what is left when all else ends.
   * @param failed true where the session ends because something failed
   */
  close(failed?: boolean): Promise<void>;
  /** The argv prefix that runs a command on the testbed. */
  auxverb(): Argv;
  /** Resolves with 0-125, or 128+N for a signal. */
  execute(request: ExecuteRequest, signal: AbortSignal): Promise<number>;
  copyDown(words: CopyWords, signal: AbortSignal): Promise<void>;
  copyUp(words: CopyWords, signal: AbortSignal): Promise<void>;
  shell(directory: Bytes, environment: Argv, signal: AbortSignal): Promise<void>;
  /** What the regime knows of a failure, as text of any number of lines. */
  debugFailure(): Promise<string>;
}
