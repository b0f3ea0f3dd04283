import { readFileSync, statSync } from 'node:fs';

import { bufferOf, type Argv, type Bytes } from '../../bytes.ts';
import type { Advance, Logger } from '../../log.ts';
import { localPlace } from '../local.ts';

/** How far whoever reads a descriptor that we share with them has come: proc_pid_fdinfo(5). */
export function readSoFar(descriptor: number, total: number): Advance {
  const path = `/proc/self/fdinfo/${descriptor}`;
  const [, position] = /^pos:\s+(\d+)/m.exec(tried(() => readFileSync(path, 'latin1')) ?? '') ?? [];
  return { done: Number(position ?? 0), total };
}

/** How much of a file has been written; `total` is how big it gets, where that is known. */
export function writtenSoFar(file: Bytes, total?: number): Advance {
  const found = tried(() => statSync(bufferOf(file)));
  return found ? { done: found.size, ...(total && { total }) } : {};
}

/** Whoever only looks how far a copy is must not fail: it may be over by now. */
function tried<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/** Counts what the host's tar sends; nothing where nobody follows. */
export interface TarMeter {
  /** For its command line. */
  options: Argv;
  /** For what it writes to stderr. */
  heard(piece: Bytes): void;
  advance(): Advance;
}

/** Records of 10,240 bytes between two lines of tar's. */
const INTERVAL = 100;
const RECORD = 10_240;

/** What it writes then, before a number; `tarWords` leaves it out. */
export const SENT = 'regime: sent';
const LAST_COUNT = new RegExp(`[^]*${SENT} (\\d+)\n`);

/**
 * Measures a tree that tar sends with pax headers: 1,536 bytes for each member, and the data in blocks.
 * @param signal ends the looking for how much there is
 */
export function measureTree(source: Bytes, { follow }: Logger, signal: AbortSignal): TarMeter {
  const meter: { done: number; total?: number } = { done: 0 };
  if (!follow) return { options: [], heard() {}, advance: () => meter };
  const sum = '{ n += 1536; if ($1 == "f") n += int(($2 + 511) / 512) * 512 } END { print n + 0 }';
  const script = `find "$1" -printf '%y %s\\n' | awk '${sum}'`;
  void localPlace.run(['sh', '-c', script, 'sh', `${source}/`], { signal }).then(
    ({ stdout }) => {
      const total = Number(stdout);
      if (total > 0) meter.total = total;
    },
    () => {},
  );
  return {
    options: [`--checkpoint=${INTERVAL}`, `--checkpoint-action=echo=${SENT} %u`],
    heard(piece) {
      const [, count] = LAST_COUNT.exec(piece) ?? [];
      if (count !== undefined) meter.done = Number(count) * RECORD;
    },
    advance: () => meter,
  };
}
