import { textOf, type Argv } from '../bytes.ts';
import { titleOf, type Case, type Dialect } from '../conform/case.ts';
import { probe } from '../conform/facts.ts';
import { runCases } from '../conform/run.ts';
import { suite } from '../conform/suite.ts';
import { tapHead, tapLine } from '../conform/tap.ts';
import { asError, UsageError } from '../errors.ts';
import { builtInRegimes } from '../regimes.ts';
import { commonOptions, runCommand, type Command } from './command.ts';

/** `regime conform` */
export const conformCommand: Command = {
  name: 'conform',
  summary:
    'Tests over its pipes how a server keeps the rules of regime-protocol(7), and prints the results ' +
    'as TAP. The server may be one of ours or another.',
  options: [
    {
      name: 'dialect',
      value: 'classic|current',
      help: 'Hold the server to one generation of the protocol only.',
    },
    {
      name: 'only',
      value: 'CASE',
      repeat: true,
      help: 'Only the rule CASE, as QUIT-1, or the cases whose title holds CASE.',
    },
    { name: 'list', help: 'Print the titles of the cases; no server is started.' },
    commonOptions.help,
  ],
  passesArguments: true,
  page: 'regime-conform(1)',
};

interface Wishes {
  dialect?: Dialect | undefined;
  only: readonly string[];
  list: boolean;
  server: readonly string[];
}

/**
 * `regime conform`: runs the conformance suite against a server and prints TAP on stdout.
 * Resolves to the exit status: 0 where all cases pass or are skipped, 1 where some failed or the
 * server could not be opened at all, 2 for wrong options.
 */
export function conform(words: Argv): Promise<number> {
  return runCommand(conformCommand, words, ({ operands, flag, value, values }) => {
    const list = flag('list');
    if (!list && operands.length === 0) {
      throw new UsageError('conform: a server is wanted, as in regime conform -- regime null');
    }
    const dialect = dialectOf(value('dialect'));
    const only = values('only').map(textOf);
    return runSuite({ dialect, only, list, server: operands.map(textOf) });
  });
}

function dialectOf(word: string | undefined): Dialect | undefined {
  if (word === undefined || word === 'classic' || word === 'current') return word;
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
    const hint = builtInRegimes.some(({ name }) => name === server[0])
      ? ` (that regime as a server: regime conform -- regime ${server.join(' ')})`
      : '';
    process.stdout.write(`Bail out! ${facts.message.replace(/\s+/g, ' ')}${hint}\n`);
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
