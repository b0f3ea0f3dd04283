import { parseArgs } from 'node:util';

import { asError, shown, UsageError } from '../errors.ts';
import { stderrLogger, writeStderr } from '../log.ts';
import type { OptionSpec } from '../regime.ts';
import type { Lookups } from '../session/discard.ts';
import { reap as reapRepository, type Reaped } from '../session/reaper.ts';
import { repositoryIn } from '../session/repository.ts';
import { parseDuration } from './duration.ts';
import { lookups as ourLookups } from './lookups.ts';

/** The options of `regime reap`. */
export const reapOptions: readonly OptionSpec[] = [
  { name: 'dry-run', help: 'Only say what would be done.' },
  {
    name: 'older-than',
    value: 'DURATION',
    help:
      'Leave sessions whose record changed less than DURATION ago, as 90s, 5m, 1h30m or 2d. ' +
      'A number alone means seconds.',
  },
  {
    name: 'state-dir',
    value: 'DIR',
    help: 'Look for session records below DIR, not in the state directory of the user.',
  },
  { name: 'debug', short: 'd', help: 'Say on standard error what is done.' },
  { name: 'help', short: 'h', help: 'Show the options and exit.' },
];

const WORDS: Record<Reaped['outcome'], string> = {
  reaped: 'reaped',
  'would-reap': 'would reap',
  left: 'left',
  failed: 'failed',
};

interface Wishes {
  help: boolean;
  debug: boolean;
  dryRun: boolean;
  /** Milliseconds. */
  olderThan: number;
  stateDirectory: string | undefined;
}

/**
 * `regime reap`: one line on stdout for each session. Resolves with the exit status: 0, 1 where
 * something could not be discarded, 2 for wrong options.
 * @param lookups what the reaper needs to know of regimes; tests have their own
 */
export async function reap(
  args: readonly string[],
  lookups: Lookups = ourLookups,
): Promise<number> {
  // Whoever reads may go, as `head` does: the reaping goes on.
  process.stdout.on('error', () => {});
  let wishes: Wishes;
  try {
    wishes = readWishes(args);
  } catch (cause) {
    writeStderr(`regime: ${shown(asError(cause).message)} (try 'regime reap --help')\n`);
    return 2;
  }
  if (wishes.help) {
    process.stdout.write(await renderHelp());
    return 0;
  }
  const context = { signal: new AbortController().signal, log: stderrLogger(wishes.debug) };
  const onReaped = ({ id, outcome, reason }: Reaped) => {
    process.stdout.write(`${WORDS[outcome]} ${id}: ${shown(reason)}\n`);
  };
  try {
    const repository = repositoryIn(wishes.stateDirectory);
    const all = await reapRepository(repository, lookups, context, { ...wishes, onReaped });
    return all.some(({ outcome }) => outcome === 'failed') ? 1 : 0;
  } catch (cause) {
    writeStderr(`regime: failure: ${shown(asError(cause).message)}\n`);
    return 1;
  }
}

function readWishes(args: readonly string[]): Wishes {
  const options = Object.fromEntries(
    reapOptions.map(({ name, short, value }) => {
      const type = value === undefined ? ('boolean' as const) : ('string' as const);
      return [name, short === undefined ? { type } : { type, short }];
    }),
  );
  const { values } = parseArgs({ args: [...args], options });
  const text = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  const duration = text('older-than') ?? '0';
  const olderThan = parseDuration(duration);
  if (olderThan === undefined) throw new UsageError(`--older-than: not a duration: ${duration}`);
  return {
    help: values['help'] === true,
    debug: values['debug'] === true,
    dryRun: values['dry-run'] === true,
    olderThan,
    stateDirectory: text('state-dir'),
  };
}

async function renderHelp(): Promise<string> {
  const { renderOptions } = await import('./help.ts');
  return [
    'Usage: regime reap [OPTION]...',
    '',
    'Takes away what servers of this user that died left behind on this machine.',
    '',
    'Options:',
    ...renderOptions(reapOptions),
    '',
    'See regime-reap(1).',
    '',
  ].join('\n');
}
