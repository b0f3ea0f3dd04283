import { readFileSync } from 'node:fs';

import { bufferOf, textOf, type Argv, type Bytes } from '../bytes.ts';
import { asError, UsageError } from '../errors.ts';

/** Files that name each other would never end. */
const MAX_DEPTH = 32;

/**
 * Puts in place of each word `@FILE` the lines of that file, one word each, as the incumbents'
 * parser does (Python's argparse): lines are taken as they are, an empty line is an empty word, a
 * line `@FILE` names a further file, names are relative to the working directory. Unlike there,
 * words after `--` are left alone, so that a word may begin with `@`.
 * @throws UsageError for a file that can't be read
 */
export function expandArgumentFiles(words: Argv): Argv {
  return expand(words, 0);
}

function expand(words: Argv, depth: number): Argv {
  const end = words.indexOf('--');
  const read = end < 0 ? words : words.slice(0, end);
  const kept = end < 0 ? [] : words.slice(end);
  return [
    ...read.flatMap((word) => (word.startsWith('@') ? linesOf(word, depth) : [word])),
    ...kept,
  ];
}

function linesOf(word: Bytes, depth: number): Argv {
  const name = word.slice(1);
  if (depth >= MAX_DEPTH) throw new UsageError(`argument files name each other: ${textOf(word)}`);
  let text: Bytes;
  try {
    text = readFileSync(bufferOf(name), 'latin1');
  } catch (cause) {
    const { message } = asError(cause);
    throw new UsageError(`cannot read the arguments in ${textOf(name)}: ${message}`, { cause });
  }
  const lines = text.split(/\r\n|\r|\n/);
  if (lines.at(-1) === '') lines.pop();
  return expand(lines, depth + 1);
}
