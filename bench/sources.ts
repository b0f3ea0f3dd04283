import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import type { Workshop } from './workshop.ts';

const FILES_PER_DIRECTORY = 100;
const FILE_SIZE = 2048;

/** What is copied: a path without the `/` that tells directories, and that. */
export interface Source {
  path: string;
  slash: '' | '/';
}

/** A directory with files of 2 KiB. */
export function manyFiles(workshop: Workshop, count: number): Source {
  return workshop.shared(`${count} small files`, () => {
    const path = join(workshop.directory, `small-${count}`);
    const content = randomBytes(FILE_SIZE);
    for (let index = 0; index < count; index++) {
      const directory = join(path, String(Math.floor(index / FILES_PER_DIRECTORY)));
      if (index % FILES_PER_DIRECTORY === 0) mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, `file-${index}`), content);
    }
    return { path, slash: '/' };
  });
}

/** A file of so many bytes, a multiple of 16 MiB. No holes in it, which either side might skip. */
export function oneFile(workshop: Workshop, bytes: number): Source {
  return workshop.shared(`a file of ${bytes}`, () => {
    const path = join(workshop.directory, `large-${bytes}`);
    const content = randomBytes(2 ** 24);
    const file = openSync(path, 'wx');
    for (let size = 0; size < bytes; size += content.length) writeSync(file, content);
    closeSync(file);
    return { path, slash: '' };
  });
}
