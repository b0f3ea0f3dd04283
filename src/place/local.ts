import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';

import { anyOf } from '../abort.ts';
import type { Argv } from '../bytes.ts';
import { TestbedError, TimedOut } from '../errors.ts';
import { spawnableArgv } from './argv.ts';
import { collect } from './collect.ts';
import {
  endingOfExit,
  type Ending,
  type Outcome,
  type Place,
  type RunOptions,
  type Running,
  type SpawnOptions,
} from './place.ts';

/** Milliseconds that processes which a command leaves behind may still write to its output. */
const LINGER = 200;

/** Milliseconds between SIGTERM and SIGKILL. */
const GRACE = 2000;

/** This host. */
export const localPlace: Place = {
  label: 'this host',
  prefix: [],
  isHost: true,
  run: (argv, options) => runLocally(argv, options),
  spawn: (argv, options) => spawnLocally(argv, options),
};

/**
 * Starts a command in a session of its own, so that Ctrl-C at the server's terminal does not
 * reach it, and its process group can be ended as one.
 */
function spawnLocally(argv: Argv, { stdio, signal }: SpawnOptions, linger?: number): Running {
  const [program = '', ...rest] = spawnableArgv(argv);
  const child = spawn(program, rest, { stdio: [...stdio], detached: true });
  // Only for who reads all at once: of what is slowly read, the end would be lost.
  if (linger !== undefined) child.once('exit', () => dropOutputAfter(linger, child));
  const kill = (name: NodeJS.Signals) => killGroup(child, name);
  const ended = endingOf(child);
  if (signal) endOnAbort(signal, kill, ended);
  const release = () => {
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
    child.unref();
  };
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, ended, kill, release };
}

/** A daemon that a command left in the testbed may hold its output for ever. */
function dropOutputAfter(linger: number, { stdout, stderr }: ChildProcess): void {
  const drop = () => {
    stdout?.destroy();
    stderr?.destroy();
  };
  // On a busy machine the timer may be due before what came in time was read: that comes first.
  setTimeout(() => setImmediate(() => setImmediate(drop)), linger).unref();
}

/** How a child process ends; what can't be started ends as a shell says it. */
export function endingOf(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) => {
      // What a shell says for a program that isn't there or can't be executed.
      if (cause.code === 'ENOENT') resolve({ status: 127 });
      else if (cause.code === 'EACCES') resolve({ status: 126 });
      else reject(cause);
    });
    child.once('close', (status, signal) => resolve(endingOfExit(status, signal)));
  });
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, constants.signals[signal]);
  } catch {
    // The whole group has gone already.
  }
}

/** TERM, a grace, KILL. */
function endOnAbort(
  signal: AbortSignal,
  kill: (signal: NodeJS.Signals) => void,
  ended: Promise<Ending>,
): void {
  let grace: NodeJS.Timeout | undefined;
  const end = () => {
    kill('SIGTERM');
    grace = setTimeout(() => kill('SIGKILL'), GRACE);
  };
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  const tidy = () => {
    clearTimeout(grace);
    signal.removeEventListener('abort', end);
  };
  ended.then(tidy, tidy);
}

async function runLocally(argv: Argv, options: RunOptions = {}): Promise<Outcome> {
  const { input, deadline, maxOutput = 1 << 20, heard } = options;
  const limits = [options.signal, deadline && AbortSignal.timeout(deadline)].filter((s) => !!s);
  const signal = limits.length > 0 ? anyOf(...limits) : undefined;
  const running = spawnLocally(
    argv,
    {
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(signal && { signal }),
    },
    LINGER,
  );
  if (running.stdin && input !== undefined) {
    // A command that does not read its input closes it: no error of ours.
    running.stdin.on('error', () => {});
    running.stdin.end(typeof input === 'string' ? Buffer.from(input, 'latin1') : input);
  }
  const [stdout, stderr, ending] = await Promise.all([
    collect(running.stdout, maxOutput),
    collect(running.stderr, maxOutput, heard),
    running.ended,
  ]).catch((cause: unknown) => {
    throw new TestbedError({ step: 'cannot start a command', command: argv, cause });
  });
  if (signal?.aborted) throw abortReason(signal, argv, deadline);
  return { ending, stdout, stderr };
}

function abortReason(signal: AbortSignal, argv: Argv, deadline: number | undefined): unknown {
  const reason: unknown = signal.reason;
  if (reason instanceof DOMException && reason.name === 'TimeoutError') {
    return new TimedOut(`no end of ${argv.join(' ')} within ${(deadline ?? 0) / 1000} s`);
  }
  return reason;
}
