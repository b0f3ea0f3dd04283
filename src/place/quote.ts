import type { Argv, Bytes } from '../bytes.ts';

/** A word as a POSIX shell reads it back, byte for byte. */
export function quoteWord(word: Bytes): Bytes {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, `'\\''`)}'`;
}

/** An argv as one command line for a POSIX shell. */
export function quoteArgv(argv: Argv): Bytes {
  return argv.map(quoteWord).join(' ');
}
