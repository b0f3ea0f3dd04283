import { readdirSync, rmSync, writeFileSync } from 'node:fs';

import { bufferOf, type Bytes } from '../../src/bytes.ts';

const HEAD = 'asked-for.';

/**
 * Notes that the engine is asked for a container: where the server dies before the answer, the engine
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

/** The names of the containers that were asked for without an answer. */
export function unanswered(directory: Bytes): string[] {
  try {
    const names = readdirSync(bufferOf(directory), 'latin1');
    return names.flatMap((name) => (name.startsWith(HEAD) ? [name.slice(HEAD.length)] : []));
  } catch {
    return [];
  }
}
