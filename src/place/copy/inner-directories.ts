import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';

import { bufferOf, type Bytes } from '../../bytes.ts';
import { joinName } from './paths.ts';

/** Bytes of names in one command line: each may take four in quotes, and Linux takes 128 KiB in a word. */
const ROOM = 16 << 10;

/**
 * The directories below one of the host, each behind the one that it is in, in parts that fit into a
 * command line. What cannot be read is left out.
 * @param signal ends the walk, which may take minutes
 * @returns at least one part, which may be empty
 */
export async function innerDirectories(
  top: Bytes,
  signal: AbortSignal,
): Promise<[Bytes[], ...Bytes[][]]> {
  const parts: [Bytes[], ...Bytes[][]] = [[]];
  let room = ROOM;
  const visit = async (path: Bytes): Promise<void> => {
    signal.throwIfAborted();
    const folder = bufferOf(joinName(top, path === '' ? '.' : path));
    const options = { withFileTypes: true, encoding: 'buffer' } as const;
    const entries: Dirent<Buffer>[] = await readdir(folder, options).catch(() => []);
    for (const entry of entries) {
      if (!entry.isDirectory()) continue;
      const name = entry.name.toString('latin1');
      const inner = path === '' ? name : joinName(path, name);
      if (room < inner.length) {
        parts.push([]);
        room = ROOM;
      }
      parts.at(-1)?.push(inner);
      room -= inner.length + 1;
      await visit(inner);
    }
  };
  await visit('');
  return parts;
}
