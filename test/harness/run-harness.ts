import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { HARNESS, harnessTurn } from '../support/harness-turn.ts';
import { fileTempDir } from '../support/tempdir.ts';
import type { PlainUser } from '../support/user.ts';
import { readOutput, type Output } from './read-output.ts';
import { parseSummary, type Verdicts } from './verdicts.ts';

/** One run of Debian's `autopkgtest` program. */
export interface HarnessRun {
  /** The server's argv; a first word without a slash is one of the incumbents (`null`). */
  server: readonly string[];
  /** What to test: the directory of an unbuilt package, a `.dsc`, a name in the archive. */
  subject: string;
  /** True where its tests run on this machine itself: one such run has to wait for another. */
  here?: boolean;
  /** More options of the harness. */
  options?: readonly string[];
  /** More variables of the harness' own environment. */
  env?: Record<string, string>;
  /** Where our server keeps its records. Default: a fresh directory. */
  state?: string;
  /** Turns the harness' argv into one that runs it as another user or on a terminal. */
  as?: (argv: readonly string[]) => readonly string[];
  /** What is done when the text appears on its output, one after the other. */
  react?: readonly Reaction[];
  /** An existing directory to make the output directory in. Default: a temporary directory. */
  directory?: string;
  /** Milliseconds until it is ended with SIGTERM, and the run counts as failed. Default 240,000. */
  patience?: number;
}

export interface Reaction {
  after: string;
  act: (child: ChildProcess) => void;
}

export interface HarnessResult {
  /** Null where a signal ended it. 0 all passed, 2 skipped some, 4 failed some, 6 both, 8 nothing, 12 bad package, 16 testbed. */
  status: number | null;
  /** All that it printed, stdout and stderr, as bytes. */
  log: string;
  verdicts: Verdicts;
  /** The output directory, without the log and `testinfo.json` (times and names differ). */
  output: Output;
  /** The records of sessions that our server has not taken away (by now). */
  sessions(): string[];
}

/** True where Debian's harness is installed. */
export function hasHarness(): boolean {
  return existsSync(HARNESS);
}

/** The directory of one of the packages beside this file. */
export function fixturePackage(name: string): string {
  return fileURLToPath(new URL(`./packages/${name}`, import.meta.url));
}

/** A directory of this file's tests that other users may enter. */
export function openDirectory(): string {
  const directory = fileTempDir();
  chmodSync(directory, 0o755);
  return directory;
}

/** The argv of our server for a harness that runs as the user already. */
export function serverOf(user: PlainUser, ...args: string[]): string[] {
  return user.serverArgv(...args).slice(user.argv([]).length);
}

let runs = 0;
/** Runs the harness on a package, and reads what it left in its output directory. */
export async function runHarness(run: HarnessRun): Promise<HarnessResult> {
  const { server, subject, options = [] } = run;
  const state = run.state ?? fileTempDir();
  const out = join(run.directory ?? fileTempDir(), `output-${++runs}`);
  const line = [
    ...['autopkgtest', '--no-built-binaries', '--output-dir', out, ...options],
    ...[subject, '--', ...server],
  ];
  // Into a file and not a pipe: the harness' `tee /dev/stderr` opens it anew, as whoever it runs as,
  // and Node's pipes are sockets, which can't be opened.
  const logFile = join(openDirectory(), 'log');
  const log = openSync(logFile, 'a');
  chmodSync(logFile, 0o666);
  const [program = '', ...args] = run.as?.(line) ?? line;
  const endTurn = run.here ? await harnessTurn() : undefined;
  const child = spawn(program, args, {
    env: { ...process.env, XDG_STATE_HOME: state, ...run.env },
    stdio: [run.react ? 'pipe' : 'ignore', log, log],
    // A process group of its own, so that a test can send it what Ctrl-C sends.
    detached: true,
  });
  closeSync(log);
  child.stdin?.on('error', () => {});
  const stopReacting = reactTo(logFile, run.react ?? [], child);
  const timer = setTimeout(() => child.kill('SIGTERM'), run.patience ?? 240_000);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(timer);
  stopReacting();
  endTurn?.();
  const summary = join(out, 'summary');
  return {
    status,
    log: readFileSync(logFile, 'latin1'),
    verdicts: parseSummary(existsSync(summary) ? readFileSync(summary, 'latin1') : ''),
    output: existsSync(out) ? readOutput(out) : {},
    sessions: () => sessionsIn(state),
  };
}

/** Follows the log, and does each thing when its text has appeared after that of the one before. */
function reactTo(logFile: string, reactions: readonly Reaction[], child: ChildProcess): () => void {
  const left = [...reactions];
  let answered = 0;
  const timer = setInterval(() => {
    const log = readFileSync(logFile, 'latin1');
    for (let next = left[0]; next; next = left[0]) {
      const found = log.indexOf(next.after, answered);
      if (found < 0) return;
      answered = found + next.after.length;
      left.shift();
      next.act(child);
    }
    clearInterval(timer);
  }, 50);
  return () => clearInterval(timer);
}

function sessionsIn(state: string): string[] {
  const directory = join(state, 'regime', 'sessions');
  if (!existsSync(directory)) return [];
  return readdirSync(directory).filter((name) => name.endsWith('.session'));
}
