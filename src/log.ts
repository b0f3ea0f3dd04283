import { writeSync } from 'node:fs';

/** Diagnostics for people. They go to stderr: stdout belongs to the protocol. */
export interface Logger {
  /** Something the user should know although all goes on, as a capability that was withdrawn. */
  warn(message: string): void;
  /** What is done and why; shown with `--debug` only. */
  debug(message: string): void;
  /**
   * Shows a person how far something is that may take its time; left out where nobody watches.
   * @param what as in `copying a to b`: as a testbed may have named it
   * @param advance asked now and then
   * @returns what ends it
   */
  follow?(what: string, advance: () => Advance): () => void;
}

/** How far something is, as far as it is known. */
export interface Advance {
  /** Bytes. */
  done?: number;
  total?: number;
  /** What goes on, where there is nothing to count. */
  stage?: string;
}

/** Does something that a person can follow. */
export async function followed<T>(
  { follow }: Logger,
  what: string,
  advance: () => Advance,
  work: () => Promise<T>,
): Promise<T> {
  const end = follow?.(what, advance);
  try {
    return await work();
  } finally {
    end?.();
  }
}

/** A logger that writes lines headed `regime:` to stderr. */
export function stderrLogger(debugging: boolean): Logger {
  return {
    warn: (message) => writeStderr(`regime: ${withoutControls(message)}\n`),
    debug: debugging
      ? (message) => writeStderr(`regime: debug: ${withoutControls(message)}\n`)
      : () => {},
  };
}

/** The same logger for what has been said already: it is shown with `--debug` only. */
export function quietLogger({ debug }: Logger): Logger {
  return { warn: debug, debug };
}

/** A logger that drops everything. */
export const silentLogger: Logger = { warn: () => {}, debug: () => {} };

/** Text on one line, without what would steer the terminal that shows it. */
export function withoutControls(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, ' ');
}

/** What a testbed has to say, as logs: each line without what would steer the terminal. */
export function reportToStderr(text: string): void {
  const lines = text.replace(/\n$/, '').split('\n');
  if (text) writeStderr(`${lines.map(withoutControls).join('\n')}\n`);
}

/** Writes to stderr at once, and survives a stderr that is closed. */
export function writeStderr(text: string | Buffer): void {
  try {
    let rest = typeof text === 'string' ? Buffer.from(text) : text;
    while (rest.length > 0) rest = rest.subarray(writeSync(2, rest));
  } catch {
    // Nobody is listening: there is nowhere left to say so.
  }
}
