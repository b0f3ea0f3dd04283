import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';

import type { Directive, Line } from 'ssh-config';

import { TestbedError, UsageError } from '../../../src/errors.ts';
import type { Logger } from '../../../src/log.ts';
import { judgeMatch } from './criteria.ts';
import { listFiles } from './include.ts';
import { checkKeyword, kindOfKeyword } from './keywords.ts';
import { matchesPatterns } from './patterns.ts';

/** What the configuration says of a host, by keywords in lower case. */
export type HostConfig = ReadonlyMap<string, readonly string[]>;

/** A host as it was named, and what was said of it besides the files. */
export interface ConfigQuestion {
  readonly host: string;
  /** Keywords in lower case, with the values that go before all others. */
  readonly given: HostConfig;
  /** Lines of ssh_config(5) that go before the files. */
  readonly lines: string;
  /** Stands in for the user's and the system's files; `none` for no file. */
  readonly file?: string;
  readonly log: Logger;
}

/** A configuration that is being read. */
interface Reading extends ConfigQuestion {
  readonly config: Map<string, readonly string[]>;
  readonly parse: (text: string) => Line[];
  /** Says it once. */
  warn(message: string): void;
  /** The second reading, which `Match final` asks for. */
  isFinal: boolean;
  wantsFinal: boolean;
}

/** A file, and where its relative Includes are looked for. */
interface Source {
  readonly file: string;
  readonly base: string;
  readonly depth: number;
}

const SYSTEM: Source = { file: '/etc/ssh/ssh_config', base: '/etc/ssh', depth: 0 };

/** Files within files, as in ssh. */
const MAX_DEPTH = 16;

/**
 * Reads the configuration as ssh does: what the caller said, the user's file, the system's file;
 * the first value of a keyword counts.
 * @throws TestbedError for files that can't be read or understood
 */
export async function readConfig(question: ConfigQuestion): Promise<HostConfig> {
  const { parse } = await import('ssh-config').catch((cause: unknown) => {
    throw new TestbedError({
      step: 'the package ssh-config, which reads ssh_config, does not load',
      hint: 'install regime with its dependencies: npm install regime',
      cause,
    });
  });
  const warned = new Set<string>();
  const reading: Reading = {
    ...question,
    config: new Map(question.given),
    parse,
    warn(message) {
      if (!warned.has(message)) question.log.warn(message);
      warned.add(message);
    },
    isFinal: false,
    wantsFinal: false,
  };
  await readAll(reading);
  if (reading.wantsFinal) {
    reading.isFinal = true;
    await readAll(reading);
  }
  return reading.config;
}

async function readAll(reading: Reading): Promise<void> {
  const base = `${homedir()}/.ssh`;
  const { lines, file } = reading;
  await readText(reading, lines, { file: 'the options', base, depth: 0 });
  if (file === 'none') return;
  await readFile(reading, { file: file ?? `${base}/config`, base, depth: 0 });
  if (file === undefined) await readFile(reading, SYSTEM);
}

async function readFile(reading: Reading, source: Source): Promise<void> {
  if (source.depth > MAX_DEPTH) throw bad(source, 'Include goes too deep');
  const text = loadText(source);
  if (text !== undefined) await readText(reading, text, source);
}

async function readText(reading: Reading, given: string, source: Source): Promise<void> {
  const text = hideCommands(given);
  // The parser takes the first for a comment, where ssh has the whole word.
  if (/^[ \t]*\w+[ \t=]+[^"#\n]*[^\s"#]#/m.test(text)) {
    throw bad(source, 'a word has # in it', undefined, 'put the word in quotes');
  }
  let lines: Line[];
  try {
    lines = reading.parse(text);
  } catch (cause) {
    throw bad(source, 'it is not understood', cause);
  }
  try {
    await readLines(reading, lines, source);
  } catch (cause) {
    throw cause instanceof UsageError ? bad(source, cause.message, cause) : cause;
  }
}

async function readLines(reading: Reading, lines: readonly Line[], source: Source): Promise<void> {
  for (const line of lines) {
    if (!('param' in line)) continue;
    // The parser joins a keyword without a value and the line after it.
    if (/\s/.test(line.param)) throw bad(source, `${line.param.trim()}: there is no value`);
    const words = wordsOf(line);
    if ('config' in line) {
      if (await holds(reading, line.param, words, source)) {
        await readLines(reading, line.config, source);
      }
    } else if (/^include$/i.test(line.param)) {
      const { base, depth } = source;
      for (const file of words.flatMap((pattern) => listFiles(pattern, base))) {
        await readFile(reading, { file, base, depth: depth + 1 });
      }
    } else {
      setKeyword(reading, line.param, words, source);
    }
  }
}

/** True where the lines below a `Host` or a `Match` are for this host. */
async function holds(
  reading: Reading,
  keyword: string,
  words: readonly string[],
  { file }: Source,
): Promise<boolean> {
  const { host, isFinal, config } = reading;
  if (/^host$/i.test(keyword)) {
    const found = isFinal ? config.get('hostname')?.[0] : undefined;
    return matchesPatterns(found ?? host, words);
  }
  const situation = { host, isFinal, first: (name: string) => config.get(name)?.[0] };
  const { verdict, asksFinal, unknown } = await judgeMatch(words, situation);
  reading.wantsFinal ||= asksFinal;
  for (const name of unknown) {
    reading.warn(`${file}: Match ${name} can not be judged here, and is taken not to hold`);
  }
  return verdict;
}

function setKeyword(
  { config, warn }: Reading,
  keyword: string,
  words: readonly string[],
  { file }: Source,
): void {
  const kind = kindOfKeyword(keyword);
  const [first = ''] = words;
  if (kind === 'not followed' && !/^(no|none)$/i.test(first)) {
    warn(`${file}: ${keyword} is not followed`);
  }
  if (kind !== 'followed') return;
  checkKeyword(keyword, first);
  const name = keyword.toLowerCase();
  const before = config.get(name);
  if (name === 'identityfile') config.set(name, [...(before ?? []), ...words]);
  else if (!before && !isShutOut(config, name)) config.set(name, words);
}

/** ProxyJump and ProxyCommand exclude each other: the first one that is named counts. */
function isShutOut(config: HostConfig, name: string): boolean {
  if (name === 'proxyjump') return config.has('proxycommand');
  return name === 'proxycommand' && config.has('proxyjump');
}

/** ssh hands the rest of the line to a shell as it stands; the parser would take its quotes away. */
function hideCommands(text: string): string {
  const line = /^([ \t]*ProxyCommand(?:[ \t]*=[ \t]*|[ \t]+))(\S.*?)[ \t\r]*$/gim;
  return text.replace(line, (_line, start: string, command: string) => {
    return start + encodeURIComponent(command);
  });
}

function wordsOf({ param, value }: Directive): string[] {
  const words = typeof value === 'string' ? [value] : value.map(({ val }) => val);
  return /^ProxyCommand$/i.test(param) ? words.map(decodeURIComponent) : words;
}

/** A file that isn't there is none. The user's nobody else may write: it may name commands. */
function loadText(source: Source): string | undefined {
  try {
    const { uid, mode } = statSync(source.file);
    const isSafe = (uid === 0 || uid === process.getuid?.()) && (mode & 0o022) === 0;
    if (source.base !== SYSTEM.base && !isSafe) {
      throw bad(source, 'somebody else owns it or may write it', undefined, 'chmod go-w');
    }
    return readFileSync(source.file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause instanceof TestbedError ? cause : bad(source, 'it can not be read', cause);
  }
}

function bad({ file }: Source, status: string, cause?: unknown, hint?: string): TestbedError {
  const step = `the ssh configuration in ${file} can not be followed`;
  return new TestbedError({ step, status, cause, ...(hint && { hint }) });
}
