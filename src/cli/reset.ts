import { textOf, type Argv } from '../bytes.ts';
import { shown, UsageError } from '../errors.ts';
import { stderrLogger } from '../log.ts';
import type { Lookups } from '../session/discard.ts';
import { repositoryIn } from '../session/repository.ts';
import { resetSession } from '../session/reset.ts';
import { commonOptions, runCommand, type Command } from './command.ts';
import { readDuration } from './duration.ts';
import { lookups as ourLookups } from './lookups.ts';
import { findSession } from './session-words.ts';

/** `regime reset` */
export const resetCommand: Command = {
  name: 'reset',
  summary:
    'Reverts the testbed of a session that was kept: it is again as it was after open, with its ' +
    'set-up done and its session share as it is, and stays kept.',
  options: [
    {
      name: 'wait',
      value: 'DURATION',
      help:
        'Wait no longer than DURATION for others who are in the session, as 90s or 5m; 0: not at ' +
        'all. Without the option as long as it takes.',
    },
    { name: 'json', help: 'Print JSON, for programs.' },
    commonOptions.stateDir,
    commonOptions.debug,
    commonOptions.help,
  ],
  page: 'regime-reset(1)',
};

/**
 * `regime reset`: one line on stdout. Resolves with the exit status: 0, 1 where the testbed can't be
 * reset, 2 for wrong words.
 * @param lookups what it needs to know of regimes; tests have their own
 */
export function reset(args: Argv, lookups: Lookups = ourLookups): Promise<number> {
  return runCommand(resetCommand, args, async ({ operands, flag, value, values }) => {
    const [word, ...more] = operands;
    if (word === undefined || more.length > 0) {
      throw new UsageError('reset takes the id of one session, as regime sessions shows it');
    }
    const duration = values('wait').at(-1);
    const wait = duration === undefined ? undefined : readDuration('wait', duration);
    const repository = repositoryIn(value('state-dir'));
    const { id } = await findSession(repository, word);
    const begun = performance.now();
    const { regimes, scratch } = await resetSession(repository, id, lookups, {
      signal: new AbortController().signal,
      log: stderrLogger(flag('debug')),
      ...(wait !== undefined && { wait }),
    });
    const milliseconds = Math.round(performance.now() - begun);
    const text = flag('json')
      ? JSON.stringify({ id, regime: regimes, scratch: textOf(scratch), milliseconds })
      : `reset ${id}: ${regimes.join(' + ')}, ${shown(scratch)} is empty`;
    process.stdout.write(`${text}\n`);
    return 0;
  });
}
