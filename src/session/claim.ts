import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { TestbedError } from '../errors.ts';
import { waitForOthers } from '../place/reservation.ts';
import type { Context } from '../regime.ts';
import { takeLock, type Lock } from './lock.ts';
import { ignoreMissing, LOCK_FILE } from './remove.ts';

/** Milliseconds between two tries to have a lock. */
const PAUSE = 300;

/** Characters of a command line that are enough to know a process by. */
const ENOUGH = 80;

/**
 * Takes the lock of a session whose server has ended: waits for others who are in it, as long as the
 * user wants to, and says who they are.
 * @throws TestbedError where the session has gone, or there is no more patience
 */
export async function claimSession(
  id: string,
  directory: string,
  context: Pick<Context, 'signal' | 'log' | 'wait'>,
): Promise<Lock> {
  const path = join(directory, LOCK_FILE);
  const waiting = waitForOthers(context, `session ${id}`);
  let told: string | undefined;
  try {
    for (;;) {
      waiting.signal.throwIfAborted();
      const tried = await ignoreMissing(
        takeLock(path, { create: false }).then((lock) => ({ lock })),
      );
      if (!tried) throw new TestbedError({ step: `session ${id} has been taken away` });
      if (tried.lock) return tried.lock;
      const holders = holdersOf(path);
      if (holders !== told) waiting.onWait(holders || 'somebody');
      told = holders;
      await sleep(PAUSE, undefined, { signal: waiting.signal }).catch(() => {});
    }
  } finally {
    waiting.end();
  }
}

/** Who holds the lock of a file, of the processes of this user, as a phrase; empty where that can't be seen. */
function holdersOf(path: string): string {
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    // It has been taken away: the next try to have the lock says so.
    return '';
  }
  const holders = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && holds(pid, real));
  return holders.map((pid) => `process ${pid} (${commandOf(pid)})`).join(', ');
}

/** proc(5): fdinfo tells of the locks of an open file. */
function holds(pid: string, path: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some(
      (number) =>
        readlinkSync(`/proc/${pid}/fd/${number}`) === path &&
        readFileSync(`/proc/${pid}/fdinfo/${number}`, 'latin1').includes('\nlock:'),
    );
  } catch {
    // It has ended, or is another user's.
    return false;
  }
}

function commandOf(pid: string): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').join(' ').trim();
    return words.slice(0, ENOUGH);
  } catch {
    return 'ended';
  }
}
