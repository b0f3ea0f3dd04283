import { titleOf, type Case, type Dialect } from '../conform/case.ts';
import { probe } from '../conform/facts.ts';
import { runCases } from '../conform/run.ts';
import { suite } from '../conform/suite.ts';
import { tapHead, tapLine } from '../conform/tap.ts';
import { asError, UsageError } from '../errors.ts';

const USAGE = `usage: regime conform [--dialect classic|current] [--only CASE] [--list] -- SERVER [ARG ...]

Tests how a regime server keeps the rules of regime-protocol(7), over pipes, and
prints the results as TAP.

  --dialect D   hold the server to one generation of the protocol only
  --only CASE   only the rule CASE, or the cases whose title holds CASE; may repeat
  --list        print the titles of the cases
`;

interface Wishes {
  dialect?: Dialect;
  only: string[];
  list: boolean;
  server: readonly string[];
}

/**
 * `regime conform`: runs the conformance suite against a server and prints TAP on stdout.
 * Resolves to the exit status: 0 where all cases pass or are skipped, 1 where some failed or the
 * server could not be opened at all, 2 for wrong options.
 */
export async function conform(args: readonly string[]): Promise<number> {
  if (args.some((word, index) => word === '--help' && !args.slice(0, index).includes('--'))) {
    process.stdout.write(USAGE);
    return 0;
  }
  try {
    return await runSuite(parseWishes(args));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`regime: ${error.message} (see regime conform --help)\n`);
    return 2;
  }
}

function parseWishes(args: readonly string[]): Wishes {
  const wishes: Wishes = { only: [], list: false, server: [] };
  const words = [...args];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [name = '', inline] = word.startsWith('--') ? splitOption(word) : [word];
    const value = () => {
      const given = inline ?? words.shift();
      if (given === undefined) throw new UsageError(`conform: ${name} needs a value`);
      return given;
    };
    if (word === '--') {
      wishes.server = words.splice(0);
    } else if (name === '--dialect') {
      wishes.dialect = dialectOf(value());
    } else if (name === '--only') {
      wishes.only.push(value());
    } else if (word === '--list') {
      wishes.list = true;
    } else if (word.startsWith('-')) {
      throw new UsageError(`conform: unknown option ${word}`);
    } else {
      wishes.server = [word, ...words.splice(0)];
    }
  }
  if (!wishes.list && wishes.server.length === 0) {
    throw new UsageError('conform: no server given');
  }
  return wishes;
}

function splitOption(word: string): [string, string | undefined] {
  const at = word.indexOf('=');
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function dialectOf(word: string): Dialect {
  if (word === 'classic' || word === 'current') return word;
  throw new UsageError(`conform: ${word} is no dialect; there are classic and current`);
}

function chosen(only: readonly string[]): readonly Case[] {
  if (only.length === 0) return suite;
  const cases = suite.filter((one) =>
    only.some((wish) => (isRule(wish) ? one.rule === wish : titleOf(one).includes(wish))),
  );
  if (cases.length === 0) throw new UsageError(`conform: no case is called ${only.join(' or ')}`);
  return cases;
}

function isRule(wish: string): boolean {
  return /^[A-Z]+-[0-9]+$/.test(wish);
}

/** Aborted when a signal comes or nobody reads the results: no server may be left running. */
function endedByOthers(): AbortSignal {
  const given = new AbortController();
  const giveUp = () => given.abort();
  for (const name of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.once(name, giveUp);
  process.stdout.on('error', giveUp);
  return given.signal;
}

async function runSuite({ dialect, only, list, server }: Wishes): Promise<number> {
  const cases = chosen(only);
  if (list) {
    process.stdout.write(cases.map((one) => `${titleOf(one)}\n`).join(''));
    return 0;
  }
  process.stdout.write(tapHead(cases.length));
  const facts = await probe(server).catch((error: unknown) => asError(error));
  if (facts instanceof Error) {
    process.stdout.write(`Bail out! ${facts.message.replace(/\s+/g, ' ')}\n`);
    return 1;
  }
  process.stdout.write(`# capabilities: ${facts.capabilities.join(' ')}\n`);
  const count = { pass: 0, fail: 0, skip: 0 };
  const givenUp = endedByOthers();
  await runCases(server, facts, dialect, cases, givenUp, (index, verdict) => {
    const one = cases[index];
    if (!one) return;
    count[verdict.kind] += 1;
    process.stdout.write(tapLine(index + 1, one, verdict));
  });
  if (givenUp.aborted) {
    process.stdout.write('Bail out! interrupted\n');
    return 1;
  }
  process.stdout.write(`# ${count.pass} passed, ${count.fail} failed, ${count.skip} skipped\n`);
  return count.fail > 0 ? 1 : 0;
}
