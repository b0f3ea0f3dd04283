import type { Argv } from '../bytes.ts';
import { shown } from '../errors.ts';
import { stderrLogger } from '../log.ts';
import type { Lookups } from '../session/discard.ts';
import { reap as reapRepository, type Reaped } from '../session/reaper.ts';
import { repositoryIn } from '../session/repository.ts';
import { commonOptions, runCommand, type Command } from './command.ts';
import { explainSilence } from './print.ts';
import { readDuration } from './duration.ts';
import { lookups as ourLookups } from './lookups.ts';
import { findSession } from './session-words.ts';

/** `regime reap` */
export const reapCommand: Command = {
  name: 'reap',
  summary:
    'Takes away what servers of this user that died left behind on this machine; or the sessions ' +
    'that are named, kept ones too.',
  options: [
    { name: 'dry-run', help: 'Only say what would be done.' },
    {
      name: 'older-than',
      value: 'DURATION',
      help:
        'Leave sessions whose record changed less than DURATION ago, as 90s, 5m, 1h30m or 2d. ' +
        'A number alone means seconds.',
    },
    { name: 'json', help: 'Say it as JSON, an object a line, for programs.' },
    commonOptions.stateDir,
    commonOptions.debug,
    commonOptions.help,
  ],
  page: 'regime-reap(1)',
};

const WORDS: Record<Reaped['outcome'], string> = {
  reaped: 'reaped',
  'would-reap': 'would reap',
  left: 'left',
  failed: 'failed',
};

/**
 * `regime reap`: one line on stdout for each session. Resolves with the exit status: 0, 1 where
 * something could not be discarded or a session that was named is left, 2 for wrong words.
 * @param lookups what the reaper needs to know of regimes; tests have their own
 */
export async function reap(args: Argv, lookups: Lookups = ourLookups): Promise<number> {
  return runCommand(reapCommand, args, async ({ operands, flag, value, values }) => {
    const olderThan = readDuration('older-than', values('older-than').at(-1) ?? '0');
    const repository = repositoryIn(value('state-dir'));
    const named = await Promise.all(operands.map((word) => findSession(repository, word)));
    const context = { signal: new AbortController().signal, log: stderrLogger(flag('debug')) };
    const json = flag('json');
    const onReaped = ({ id, outcome, reason }: Reaped) => {
      const line = json
        ? JSON.stringify({ id, outcome, reason })
        : `${WORDS[outcome]} ${id}: ${shown(reason)}`;
      process.stdout.write(`${line}\n`);
    };
    const all = await reapRepository(repository, lookups, context, {
      dryRun: flag('dry-run'),
      olderThan,
      onReaped,
      ...(named.length > 0 && { only: new Set(named.map(({ id }) => id)) }),
    });
    if (all.length === 0 && !json) explainSilence('Nothing is left behind.');
    const bad = named.length > 0 ? ['failed', 'left'] : ['failed'];
    return all.some(({ outcome }) => bad.includes(outcome)) ? 1 : 0;
  });
}
