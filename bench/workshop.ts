import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startServer, type Client } from '../src/client/client.ts';
import { Skip } from './case.ts';

export const PROJECT = fileURLToPath(new URL('..', import.meta.url));

/** Where a benchmark runs: all that it makes is in here and goes with it. */
export interface Workshop {
  /** Mode 0755, absolute. */
  readonly directory: string;
  /** The name of a schroot that a case may configure; it is removed with the rest. */
  readonly schroot: string;
  /** The environment of all that is started here. */
  readonly env: NodeJS.ProcessEnv;
  /** The argv of our server, a copy that every user can read and no later build changes. */
  ours(...args: string[]): string[];
  /** The argv of a server of autopkgtest. @throws Skip where it isn't installed */
  theirs(name: string, ...args: string[]): string[];
  /** Starts a server, opens nothing. It is ended after the case. */
  start(argv: readonly string[]): Promise<Client>;
  /** Does something after the case that is running. */
  afterCase(task: () => void | Promise<void>): void;
  /** What several cases need, made when the first one asks. */
  shared<T>(name: string, make: () => T): T;
  /** Ends the servers of a case and does what `afterCase` was given. */
  finishCase(): Promise<void>;
  /** Removes everything. */
  close(): Promise<void>;
}

/** Milliseconds that a server gets to end, and to reply. */
const PATIENCE = { start: 60_000, open: 120_000, reply: 300_000, exit: 60_000 };

/** @param parent the directory to make it in */
export function openWorkshop(parent: string): Workshop {
  const directory = mkdtempSync(join(parent, 'regime-bench-'));
  const schroot = basename(directory);
  const cleaner = spawn(
    'sh',
    [fileURLToPath(new URL('./clean-up.sh', import.meta.url)), directory, schroot],
    {
      stdio: ['pipe', 'inherit', 'inherit'],
      // Not in our process group: Ctrl-C is for us.
      detached: true,
    },
  );
  chmodSync(directory, 0o755);
  const made = new Map<string, unknown>();
  const tasks: (() => void | Promise<void>)[] = [];
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    // autopkgtest-virt-chroot would look for it in the testbed.
    TMPDIR: undefined,
    REGIME_BENCH: directory,
    XDG_STATE_HOME: ownDirectory('state'),
    XDG_CACHE_HOME: ownDirectory('cache'),
  };

  function ownDirectory(name: string): string {
    mkdirSync(join(directory, name), { mode: 0o700 });
    return join(directory, name);
  }

  const workshop: Workshop = {
    directory,
    schroot,
    env,
    ours: (...args) => [process.execPath, workshop.shared('program', copyProgram), ...args],
    theirs(name, ...args) {
      const path = `/usr/bin/autopkgtest-virt-${name}`;
      if (!existsSync(path)) throw new Skip(`there is no ${path}`);
      return [path, ...args];
    },
    async start(argv) {
      const client = startServer(argv, { env, deadlines: PATIENCE });
      tasks.push(() => endServer(client));
      try {
        await client.ready();
      } catch (cause) {
        throw new Error(`${argv.join(' ')} did not start: ${client.stderr.trim()}`, { cause });
      }
      return client;
    },
    afterCase: (task) => void tasks.push(task),
    shared<T>(name: string, make: () => T): T {
      if (!made.has(name)) made.set(name, make());
      return made.get(name) as T;
    },
    async finishCase() {
      for (let task = tasks.pop(); task; task = tasks.pop()) await task();
    },
    async close() {
      await workshop.finishCase().catch(() => {});
      const ended = once(cleaner, 'close');
      cleaner.stdin.end();
      await ended;
    },
  };

  function copyProgram(): string {
    cpSync(join(PROJECT, 'dist'), join(directory, 'dist'), { recursive: true });
    cpSync(join(PROJECT, 'package.json'), join(directory, 'package.json'));
    // What is not in the bundle.
    symlinkSync(join(PROJECT, 'node_modules'), join(directory, 'node_modules'));
    return join(directory, 'dist/main.js');
  }
  return workshop;
}

/** In good order; one that fails at that is killed, and said to have failed. */
async function endServer(client: Client): Promise<void> {
  if (client.hasEnded) return;
  try {
    client.send('quit\n');
    await client.ended();
  } catch (cause) {
    client.kill();
    throw cause;
  }
}

/** Runs a command of the set-up. @throws Error with what it said where it fails */
export function run(argv: readonly string[], env?: NodeJS.ProcessEnv): string {
  const [program = '', ...args] = argv;
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    ...(env && { env }),
  });
  if (status === 0) return stdout;
  throw new Error(`${argv.join(' ')}: ${error?.message ?? stderr.trim()}`);
}
