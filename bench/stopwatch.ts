import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const SCRIPT = readFileSync(new URL('./stopwatch.pl', import.meta.url), 'utf8');

export interface StopwatchOptions {
  env?: NodeJS.ProcessEnv;
  /** Turns an argv into one that runs as somebody else: the stopwatch itself runs as they. */
  as?: (argv: readonly string[]) => string[];
}

/** Milliseconds until a program has ended, with status 0. */
export function timeUntilEnd(argv: readonly string[], options?: StopwatchOptions): number {
  return time('end', argv, options);
}

/** Milliseconds until a server has printed its first line. */
export function timeUntilLine(argv: readonly string[], options?: StopwatchOptions): number {
  return time('line', argv, options);
}

function time(until: string, argv: readonly string[], options: StopwatchOptions = {}): number {
  const { env, as = (words) => [...words] } = options;
  const [program = '', ...args] = as(['perl', '-e', SCRIPT, until, ...argv]);
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 60_000,
    ...(env && { env }),
  });
  if (status !== 0) throw new Error(`cannot time ${argv.join(' ')}: ${stderr.trim()}`);
  return Number(stdout) / 1e6;
}
