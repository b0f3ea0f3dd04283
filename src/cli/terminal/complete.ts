import { readdirSync } from 'node:fs';

import { bytesOf, bufferOf, textOf, type Bytes } from '../../bytes.ts';
import { localPlace } from '../../place/local.ts';
import type { Session } from '../../protocol/session.ts';
import { quoteShellWord, splitShellWords } from '../shell-words.ts';
import { expandHome } from './home.ts';
import { terminalCommands, topics } from './topics.ts';
import { WORD_KINDS } from './word-kinds.ts';

/** Milliseconds that the testbed may take to list a directory. */
const PATIENCE = 2000;

/** On the testbed: what begins with a name, directories with a slash. */
const LIST = 'for f in "$1"*; do test -d "$f" && f=$f/; printf "%s\\0" "$f"; done';

/** On the testbed: the programs whose names begin so. */
const LIST_PROGRAMS =
  'IFS=:; for d in $PATH; do for f in "$d/$1"*; do ' +
  'test -f "$f" && test -x "$f" && printf "%s\\0" "${f##*/}"; done; done';

/**
 * Completes the last word of a line: commands, what they take, and paths on the host and on the
 * testbed. Resolves with whole words, quoted, and the part of the line that they stand for.
 */
export async function complete(line: string, session: Session): Promise<[string[], string]> {
  const { before, start } = lastWord(line);
  const [first = '', ...rest] = before;
  const word = parse(line.slice(start)) ?? line.slice(start);
  const found = await candidates(first, rest.length, before.length, bytesOf(word), session);
  const fitting = found.filter((one) => one.startsWith(bytesOf(word)));
  const words = fitting.map((one) => textOf(quoted(one)) + (one.endsWith('/') ? '' : ' '));
  return [words, line.slice(start)];
}

function quoted(word: Bytes): Bytes {
  return word.startsWith('!') ? `!${quoteShellWord(word.slice(1))}` : quoteShellWord(word);
}

async function candidates(
  first: Bytes,
  index: number,
  count: number,
  word: Bytes,
  session: Session,
): Promise<Bytes[]> {
  if (count === 0) {
    if (!word.startsWith('!') || !session.isOpen) return terminalCommands;
    const program = word.slice(1);
    const list = program.includes('/') ? LIST : LIST_PROGRAMS;
    return (await onTestbed(list, program, session)).map((name) => `!${name}`);
  }
  const kind = first.startsWith('!') ? 'testbed' : WORD_KINDS[first.replaceAll('_', '-')]?.[index];
  if (kind === 'host') return hostPaths(word);
  if (kind === 'testbed') return session.isOpen ? onTestbed(LIST, word, session) : [];
  if (kind === 'topic') return topics.map(({ name }) => name);
  return kind === 'mode' ? ['prepare-only'] : [];
}

/** The words before the last one, and where that begins: the first place after which all is one word. */
function lastWord(line: string): { before: Bytes[]; start: number } {
  for (let start = 0; start <= line.length; start += 1) {
    if (start > 0 && !/\s/.test(line[start - 1] ?? '')) continue;
    const before = parse(line.slice(0, start), true);
    const words = parse(line.slice(start));
    if (before && words !== undefined && !/^\s/.test(line.slice(start))) return { before, start };
  }
  return { before: [], start: line.length };
}

function parse(text: string, all: true): Bytes[] | undefined;
function parse(text: string): string | undefined;
function parse(text: string, all?: true): Bytes[] | string | undefined {
  // The last word may still lack its closing quote.
  for (const end of all ? [''] : ['', "'", '"']) {
    try {
      const words = splitShellWords(bytesOf(text + end));
      if (all) return words;
      if (words.length <= 1) return textOf(words[0] ?? '');
    } catch {
      // Not with this one.
    }
  }
  return undefined;
}

function hostPaths(word: Bytes): Bytes[] {
  const directory = word.slice(0, word.lastIndexOf('/') + 1);
  try {
    const entries = readdirSync(bufferOf(directory === '' ? '.' : expandHome(directory)), {
      withFileTypes: true,
      encoding: 'buffer',
    });
    return entries.map(
      (entry) => directory + entry.name.toString('latin1') + (entry.isDirectory() ? '/' : ''),
    );
  } catch {
    return [];
  }
}

/** The names that a script lists there, each once. */
async function onTestbed(list: string, word: Bytes, session: Session): Promise<Bytes[]> {
  const argv = [...session.auxverb(), 'sh', '-c', list, 'sh', word];
  const { stdout } = await localPlace
    .run(argv, { deadline: PATIENCE })
    .catch(() => ({ stdout: '' }));
  const names = stdout.split('\0').filter((path) => path !== '' && !path.endsWith('*'));
  return [...new Set(names)];
}
