/**
 * A process of its own for tests of the session layer:
 *   serve STATE-DIR MARKERS   makes a session and its marker, prints its id, waits for ever
 *   reap STATE-DIR MARKERS    reaps, prints the outcomes as JSON
 *   save DIRECTORY            saves checkpoints of 100 kB without end, prints a line after the first
 *   hold FILE                 locks FILE, starts a process that outlives it, prints its pid, waits
 */
import { spawn } from 'node:child_process';
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Regime } from '../../src/regime.ts';
import { takeLock } from '../../src/session/lock.ts';
import { encodeRecord, newRecord } from '../../src/session/record.ts';
import { reap } from '../../src/session/reaper.ts';
import { repositoryIn } from '../../src/session/repository.ts';
import { openStorage } from '../../src/session/storage.ts';

const [mode = '', path = '', markers = ''] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Its testbeds are files. */
const marker: Regime = {
  name: 'marker',
  summary: '',
  operands: '',
  options: [],
  configure: () => null,
  plan: () => null,
  open: () => Promise.reject(new Error('not here')),
  discard: (state) => {
    const file = state as string;
    rmSync(file, { force: true });
    appendFileSync(join(markers, 'log'), `${file}\n`);
    return Promise.resolve();
  },
};

async function serve(): Promise<void> {
  const session = await repositoryIn(path).create();
  const file = join(markers, session.id);
  const record = newRecord(session.id, [{ regime: 'marker', settings: null, state: file }]);
  await session.storage.saveCheckpoint(encodeRecord(record));
  writeFileSync(file, '');
  say(session.id);
  process.stdin.resume();
}

async function reapAll(): Promise<void> {
  const lookups = {
    findRegime: (name: string) => Promise.resolve(name === 'marker' ? marker : undefined),
  };
  const log = { warn: say, debug: () => {} };
  say(
    JSON.stringify(
      await reap(repositoryIn(path), lookups, { signal: new AbortController().signal, log }),
    ),
  );
}

async function save(): Promise<void> {
  const storage = await openStorage(path);
  for (let turn = 0; ; turn++) {
    await storage.saveCheckpoint(Buffer.alloc(100_000, String(turn % 10)));
    if (turn === 0) say('saved');
  }
}

async function hold(): Promise<void> {
  const lock = await takeLock(path);
  const child = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
  say(lock ? String(child.pid) : 'busy');
  process.stdin.resume();
}

const modes: Record<string, () => Promise<void>> = { serve, reap: reapAll, save, hold };
await modes[mode]?.();
