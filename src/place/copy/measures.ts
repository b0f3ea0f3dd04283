import { readFileSync, statSync } from 'node:fs';

import { bufferOf, type Bytes } from '../../bytes.ts';
import type { Advance } from '../../log.ts';

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
