import { bytesOf, textOf, type Argv, type Bytes } from '../bytes.ts';
import { UsageError } from '../errors.ts';
import type { Arguments, Regime } from '../regime.ts';
import { builtInRegimes, locateRegime, type FoundRegime } from '../regimes.ts';
import { didYouMean } from './closest.ts';
import { commands } from './commands.ts';
import { readServerOptions, serverOptions } from './options.ts';
import type { ChosenRegime, ServeRequest } from './request.ts';
import { parseWords, UnknownOption, type GivenOption, type ParsedWords } from './words.ts';

/** What a caller of the first generation adds to any command line. */
const CLASSIC = '--debian-package-testing';

/** A usage error that knows which command shows the usage. */
export class CommandLineError extends UsageError {
  constructor(
    message: string,
    readonly usage: string,
  ) {
    super(message);
  }
}

/**
 * True for a usage error of ours or of a regime from outside. That one has no class of ours to
 * throw: it throws an Error with this name.
 */
export function isUsageError(thrown: unknown): thrown is Error & { name: 'UsageError' } {
  return thrown instanceof Error && thrown.name === 'UsageError';
}

/** What a server's command line asks for. */
export type Wish =
  | { kind: 'serve'; request: ServeRequest }
  | { kind: 'help'; regime?: Regime }
  | { kind: 'version' };

/**
 * Reads `[OPTION…] REGIME [OPTION…] [OPERAND…] [+ REGIME …]`. The server's options may stand
 * anywhere; a regime's own in its part. A word `+` starts the next part, also after `--`, which
 * only ends the options of its part. For an operand `+` write `++`: a word of two or more plus
 * signs and nothing else loses one.
 * @throws CommandLineError for wrong words or a missing local file
 */
export async function readCommandLine(words: Argv): Promise<Wish> {
  const given: GivenOption[] = [];
  const chain: ChosenRegime[] = [];
  // True while the regimes so far leave us on this host.
  let local = true;
  for (const part of splitParts(words)) {
    const head = checked(undefined, () => parseHead(part));
    given.push(...head.options);
    const wish = chain.length === 0 ? earlyWish(head.options) : undefined;
    if (wish) return wish;
    const [word, ...rest] = head.operands;
    if (word === undefined) throw noRegime(chain.length);
    const { regime, reference } = await locate(word);
    const parsed = checked(reference, () => parsePart(rest, regime));
    const shared = parsed.options.filter(({ name }) => isServerOption(name));
    given.push(...shared);
    const asked = earlyWish(shared, regime);
    if (asked) return asked;
    const settings = checked(reference, () => regime.configure(argumentsOf(parsed), local));
    const title = [bytesOf(reference), ...parsed.operands.slice(0, 1)].join(':');
    chain.push({ regime, reference, title, settings });
    local &&= reference === 'null';
  }
  const usage = chain[0]?.reference;
  return {
    kind: 'serve',
    request: { chain, options: checked(usage, () => readServerOptions(given)) },
  };
}

/** The parts that stand between words `+`. */
export function splitParts(words: Argv): Argv[] {
  let part: Bytes[] = [];
  const parts = [part];
  for (const word of words) {
    if (word === '+') parts.push((part = []));
    else part.push(/^\+{2,}$/.test(word) ? word.slice(1) : word);
  }
  return parts;
}

/** Words of one part so that `splitParts` gives them back as they are. */
export function escapePart(words: Argv): Argv {
  return words.map((word) => (/^\++$/.test(word) ? `${word}+` : word));
}

/** The server's options that stand before the name of a regime. */
function parseHead(part: Argv): ParsedWords {
  const regime = builtInRegimes.find(({ name }) => part.includes(name))?.name;
  const place = regime && `the options of ${regime} stand after that word`;
  return hinting(place, () => parseWords(part, serverOptions, true));
}

/** Says with an unknown option where it may belong. */
function hinting(place: string | undefined, parse: () => ParsedWords): ParsedWords {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof UnknownOption) || error.guess !== '' || !place) throw error;
    throw new UsageError(`${error.message}; ${place}`);
  }
}

function parsePart(words: Argv, regime: Regime): ParsedWords {
  const clash = regime.options.find(({ name }) => isServerOption(name));
  if (clash) throw new UsageError(`it has an option --${clash.name}, which is the server's`);
  const specs = [...regime.options, ...(regime.borrowedOptions ?? []), ...serverOptions];
  if (!regime.passesArguments) return parseWords(words, specs);
  // Old callers put it at the end, where it would be taken for another program's.
  const own = words.filter((word) => word !== CLASSIC);
  const [first = ''] = regime.operands.split(' ');
  const place = `arguments that are passed on stand after ${first}`;
  const { options, operands } = hinting(place, () => parseWords(own, specs, true));
  const classic = own.length < words.length ? [{ name: CLASSIC.slice(2) }] : [];
  return { options: [...options, ...classic], operands };
}

function isServerOption(option: string): boolean {
  return serverOptions.some(({ name }) => name === option);
}

function earlyWish(given: readonly GivenOption[], regime?: Regime): Wish | undefined {
  if (given.some(({ name }) => name === 'help')) return { kind: 'help', ...(regime && { regime }) };
  if (given.some(({ name }) => name === 'version')) return { kind: 'version' };
  return undefined;
}

async function locate(word: Bytes): Promise<FoundRegime> {
  let found: FoundRegime | undefined;
  try {
    found = await locateRegime(textOf(word));
  } catch (error) {
    throw isUsageError(error) ? new CommandLineError(error.message, 'regime --help') : error;
  }
  if (found) return found;
  throw noSuchName(textOf(word));
}

/** What other programs call what we have. */
const SYNONYMS: Readonly<Record<string, string>> = {
  ...{ ls: 'sessions', list: 'sessions', ps: 'sessions' },
  ...{ rm: 'reap', kill: 'reap', attach: 'shell', exec: 'shell' },
};

/** What is said where a word should be a regime or a command, and is neither. */
export function noSuchName(word: string): CommandLineError {
  if (commands.some(({ name }) => name === word)) {
    return new CommandLineError(
      `${word} is no regime, but a command: it stands first`,
      'regime --help',
    );
  }
  const names = [...builtInRegimes, ...commands].map(({ name }) => name);
  const synonym = SYNONYMS[word];
  const guess = synonym
    ? `; did you mean ${synonym}?`
    : didYouMean(word, [...names, '--help', '--version']);
  const message =
    word === 'regime'
      ? 'a regime is wanted, without the word "regime" before it'
      : `there is no regime or command "${word}"${guess}`;
  return new CommandLineError(message, 'regime --help');
}

function noRegime(before: number): CommandLineError {
  const message = before === 0 ? 'no regime is named' : 'a regime is wanted after each +';
  return new CommandLineError(message, 'regime --help');
}

/** Adds to usage errors whose they are and where the usage is. */
function checked<T>(regime: string | undefined, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!isUsageError(error)) throw error;
    if (regime === undefined) throw new CommandLineError(error.message, 'regime --help');
    throw new CommandLineError(`${regime}: ${error.message}`, `regime ${regime} --help`);
  }
}

function argumentsOf({ options, operands }: ParsedWords): Arguments {
  const values = (wanted: string) =>
    options.flatMap(({ name, value }) => (name === wanted && value !== undefined ? [value] : []));
  return {
    operands,
    flag: (wanted) => options.some(({ name }) => name === wanted),
    value: (wanted) => values(wanted).at(-1),
    values,
  };
}
