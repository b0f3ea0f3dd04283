import { readFileSync } from 'node:fs';

import { bytesOf, type Argv } from '../bytes.ts';

/**
 * The words that this program was called with, as bytes. Node decodes its argv as UTF-8 and
 * loses what is none; the kernel still has it.
 */
export function readOwnWords(): Argv {
  const words = process.argv.slice(2);
  if (words.some((word) => word.includes('\ufffd'))) {
    const all = readFileSync('/proc/self/cmdline', 'latin1').split('\0').slice(0, -1);
    return words.length > 0 ? all.slice(-words.length) : [];
  }
  return words.map(bytesOf);
}
