import { readFile, realpath } from 'node:fs/promises';

import { bytesOf, bufferOf, type Bytes } from '../../bytes.ts';
import { CopyFailed } from '../../errors.ts';
import { homesOf } from '../../home.ts';
import { isWithin, named } from './paths.ts';

/**
 * Refuses to move a directory away that holds the caller's home or working directory, or a mount
 * point: what is mounted below would go with the old tree.
 *
 * @param directory absolute, without links
 * @throws CopyFailed
 */
export async function refuseReplacing(directory: Bytes, step: string): Promise<void> {
  const refuse = (why: string) =>
    new CopyFailed({ step: `${step}: ${named(directory)} ${why} and is not replaced` });
  if (directory === '/') throw refuse('is the root directory');
  const kept = {
    'the home directory': homesOf(),
    // Not process.cwd(), which knows only names that are UTF-8.
    'the working directory': ['/proc/self/cwd'],
  };
  for (const [what, names] of Object.entries(kept)) {
    for (const name of names) {
      const real = await realpath(bufferOf(bytesOf(name)), 'buffer').catch(() => undefined);
      if (real && isWithin(real.toString('latin1'), directory)) throw refuse(`holds ${what}`);
    }
  }
  for (const point of await mountPoints()) {
    if (isWithin(point, directory)) throw refuse('is or holds a mount point');
  }
}

/** The fifth field of each line, with the kernel's octal escapes undone. */
async function mountPoints(): Promise<Bytes[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'latin1')).split('\n');
  return lines
    .map((line) => line.split(' ')[4] ?? '')
    .filter((field) => field !== '')
    .map((field) =>
      field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    );
}
