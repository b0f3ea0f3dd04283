import { readFileSync } from 'node:fs';

import type { Context } from '../../src/regime.ts';
import { asError } from '../../src/errors.ts';

/** Things of one kind that are made ahead, so that one is there when it is wanted. */
export interface Standby<T> {
  /** Starts to make what is missing, behind the caller's back. */
  fill(): void;
  /** The one that was begun first, when it is ready; undefined where there is none. */
  take(): Promise<T | undefined>;
  /** Makes no more and hands out what there is, as far as it came. */
  drain(): Promise<T[]>;
}

/**
 * @param count how many are kept ahead
 * @param make makes one; where it fails there is none, and who wants one is told why, once
 */
export function keepStandby<T>(
  count: number,
  make: () => Promise<T>,
  log: Context['log'],
): Standby<T> {
  const ahead: Promise<T | undefined>[] = [];
  let draining = false;
  let failure: string | undefined;
  let told = false;
  // One after the other: what is in use goes first, and a machine has few disks.
  let last: Promise<unknown> = Promise.resolve();
  return {
    fill() {
      while (!draining && ahead.length < count) {
        const one = last.then(async () => {
          if (draining) return undefined;
          return make().catch((cause: unknown) => {
            failure = `no container could be made ahead: ${asError(cause).message}`;
            log.debug(failure);
            return undefined;
          });
        });
        last = one;
        ahead.push(one);
      }
    },
    async take() {
      const one = await ahead.shift();
      if (!one && failure !== undefined && !told) {
        told = true;
        log.warn(failure);
      }
      return one;
    },
    async drain() {
      draining = true;
      const all = await Promise.all(ahead.splice(0));
      return all.filter((one): one is Awaited<T> & T => one !== undefined);
    },
  };
}

/** Bytes that this host can still give to processes; undefined where it does not tell. */
export function availableMemory(): number | undefined {
  try {
    const [, kilobytes] =
      /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'latin1')) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
