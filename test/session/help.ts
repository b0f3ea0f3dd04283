import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { buildSync } from 'esbuild';

import type { Context, Regime } from '../../src/regime.ts';
import { silentLogger } from '../../src/log.ts';
import { newRecord, type SessionRecord } from '../../src/session/record.ts';

/** Temporary directories and child processes of one test file, and their end. */
export function litter() {
  const directories: string[] = [];
  const children: ChildProcess[] = [];
  return {
    directory(): string {
      const path = mkdtempSync(join(tmpdir(), 'regime-test-'));
      directories.push(path);
      return path;
    },
    child(child: ChildProcess): ChildProcess {
      children.push(child);
      return child;
    },
    async clean(): Promise<void> {
      for (const child of children.splice(0)) await killed(child);
      for (const path of directories.splice(0)) rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Kills a child with SIGKILL and waits for its end. */
export async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** Bundles test/session/child.ts into a directory, so that many of them start quickly. */
export function bundleChild(directory: string): string {
  const outfile = join(directory, 'child.mjs');
  const entry = new URL('./child.ts', import.meta.url).pathname;
  buildSync({ entryPoints: [entry], bundle: true, platform: 'node', format: 'esm', outfile });
  return outfile;
}

/** Starts the child program in one of its modes. */
export function startChild(program: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
}

/** The next line that a child prints. */
export async function lineOf(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('no stdout');
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('the child ended without a line');
}

/** All that a child prints, and its exit status. */
export async function outputOf(
  child: ChildProcess,
): Promise<{ text: string; status: number | null }> {
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { status: await ended, text };
}

/** A record whose owner has died: no process has that start time. */
export function deadRecord(id: string, state: unknown = null, regime = 'marker'): SessionRecord {
  const record = newRecord(id, [{ regime, settings: null, state }]);
  return { ...record, phase: 'open', owner: { ...record.owner, started: 1 } };
}

export const context: Pick<Context, 'signal' | 'log'> = {
  signal: new AbortController().signal,
  log: silentLogger,
};

/** A regime of which only the discarding is real. */
export function discarder(
  discard: (state: unknown, context: Context) => Promise<void> | void,
  name = 'marker',
): Regime {
  return {
    name,
    summary: '',
    operands: '',
    options: [],
    configure: () => null,
    plan: () => null,
    open: () => Promise.reject(new Error('not here')),
    discard: async (state, _outer, given) => discard(state, given),
  };
}

/** The numbers of descriptors that this process has open on something below a directory. */
export function descriptorCount(): number {
  return readdirSync('/proc/self/fd').length;
}
