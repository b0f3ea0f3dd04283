import { readdirSync, rmSync, writeFileSync } from 'node:fs';

import { bufferOf, type Bytes } from '../../src/bytes.ts';

/** Milliseconds in which an engine works off what a dead server had asked it. */
export const LAST_REQUEST = 5000;

const HEAD = 'asked-for.';

/**
 * Notes that the engine is asked for a container or a volume: where the server dies before the answer, the engine
 * may make it after all has been removed. The note outlives a process, not a power loss: that ends the
 * request too.
 * @param directory the session's own for the regime
 * @returns takes the note back
 */
export function noteRequest(directory: Bytes, name: string): () => void {
  const path = bufferOf(`${directory}/${HEAD}${name}`);
  writeFileSync(path, '');
  return () => rmSync(path, { force: true });
}

/** The names of what was asked for without an answer. */
export function unanswered(directory: Bytes): string[] {
  try {
    const names = readdirSync(bufferOf(directory), 'latin1');
    return names.flatMap((name) => (name.startsWith(HEAD) ? [name.slice(HEAD.length)] : []));
  } catch {
    return [];
  }
}
