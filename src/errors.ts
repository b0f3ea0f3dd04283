import { textOf, type Argv, type Bytes } from './bytes.ts';
import { withoutControls } from './log.ts';

/** Wrong options or a missing local file: one line, exit status 2, no `ok`. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The caller broke the protocol: one line, exit status 12 after closing. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/** What is known of a command that failed; each part is left out where there is none. */
export interface FailureDetails {
  /** What could not be done, as in "cannot mount the overlay". */
  step: string;
  /** The command that was run for it. */
  command?: Argv;
  /** How it ended, as in "exit status 32" or "signal 9". */
  status?: string;
  /** The last of what it wrote. */
  output?: Bytes;
  /** What to do about it. */
  hint?: string;
  cause?: unknown;
}

/** The testbed failed (open, revert, reboot, a lost connection): exit status 12 after closing. */
export class TestbedError extends Error {
  override readonly name: string = 'TestbedError';
  constructor(readonly details: FailureDetails) {
    super(failureLine(details), { cause: details.cause });
  }
}

/** A testbed could not be made, and something of it could not be taken away: its record has to stay. */
export class LeftBehind extends TestbedError {
  /**
   * @param failure what went wrong first, of which this has the message
   * @param left why something is left
   */
  constructor(
    readonly failure: unknown,
    readonly left: Error,
  ) {
    super(failure instanceof TestbedError ? failure.details : { step: asError(failure).message });
  }
}

/** A copy that failed and left the session alive: the reply is `copy-failed`. */
export class CopyFailed extends Error {
  override readonly name = 'CopyFailed';
  constructor(readonly details: FailureDetails) {
    super(failureLine(details), { cause: details.cause });
  }
}

/** A time limit of the protocol ran out; the session lives and the reply is `timeout`. */
export class TimedOut extends Error {
  override readonly name = 'TimedOut';
}

/** The one place that builds a message of step, command, status, last words and hint. */
export function failureLine(details: FailureDetails): string {
  const { step, command, status, output, hint } = details;
  let line = step;
  if (command) line += `: ${shown(command.join(' '), 160)}`;
  if (status) line += `: ${status}`;
  const words = output && lastWords(output);
  if (words) line += `: ${words}`;
  if (hint) line += ` (${hint})`;
  return line;
}

/** The last non-empty line of some output, on one line and of bounded length. */
export function lastWords(output: Bytes): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return shown(lines.at(-1) ?? '', 300);
}

/** Bytes as one printable line: a testbed must not steer the terminal of who reads it. */
export function shown(bytes: Bytes, limit = 1000): string {
  const line = withoutControls(textOf(bytes)).trim();
  return line.length > limit ? `${line.slice(0, limit)}…` : line;
}

/** Anything thrown, as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
