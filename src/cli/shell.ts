import { join } from 'node:path';

import type { Argv } from '../bytes.ts';
import { TestbedError, UsageError } from '../errors.ts';
import { stderrLogger } from '../log.ts';
import { findRegime } from '../regimes.ts';
import { look } from '../session/found.ts';
import { takeLock } from '../session/lock.ts';
import { reachTestbed } from '../session/reach.ts';
import type { SessionRecord } from '../session/record.ts';
import { LOCK_FILE } from '../session/remove.ts';
import { repositoryIn } from '../session/repository.ts';
import { openShell } from '../session/shell.ts';
import { commandOf, commonOptions, runCommand, type Command } from './command.ts';
import { passOn } from './pass-on.ts';
import { findSession, type NamedSession } from './session-words.ts';

/** `regime shell` */
export const shellCommand: Command = {
  name: 'shell',
  summary:
    'Opens a shell on the terminal in the testbed of a session that was kept, or runs COMMAND there ' +
    'with the standard input, output and error that it has itself, or where all three are a terminal, ' +
    'on one of its own.',
  options: [commonOptions.stateDir, commonOptions.debug, commonOptions.help],
  passesArguments: true,
  page: 'regime-shell(1)',
};

/**
 * `regime shell`. Resolves with the exit status: that of the command, 0 for a shell, 1 where the
 * testbed can't be had, 2 for wrong words.
 */
export function shell(args: Argv): Promise<number> {
  return runCommand(shellCommand, args, async ({ operands, flag, value }) => {
    const [word, ...rest] = operands;
    const command = commandOf('shell', 'the id', rest);
    if (word === undefined) {
      throw new UsageError('shell takes the id of a session, as regime sessions shows it');
    }
    const session = await findSession(repositoryIn(value('state-dir')), word);
    const context = {
      signal: new AbortController().signal,
      log: stderrLogger(flag('debug')),
      checkpoint: () => Promise.resolve(),
    };
    return inUse(session, async (record) => {
      const reached = await reachTestbed(record, findRegime, context);
      if (!reached) {
        const step = `the testbed of session ${session.id} has gone with its server`;
        throw new TestbedError({ step, hint: `'regime reap ${session.id}' takes away the rest` });
      }
      try {
        if (command.length > 0) return await passOn(reached.place.prefix, command);
        await openShell(reached.place, '/', [], context);
        return 0;
      } finally {
        await reached.close();
      }
    });
  });
}

/** Several may be in a session; a reaper meanwhile leaves it alone. */
async function inUse(
  { id, directory }: NamedSession,
  work: (record: SessionRecord) => Promise<number>,
): Promise<number> {
  const lock = await takeLock(join(directory, LOCK_FILE), { create: false, shared: true });
  if (!lock) {
    const step = `session ${id} is still its server's, or is being taken away`;
    throw new TestbedError({ step, hint: `see 'regime sessions show ${id}'` });
  }
  try {
    const record = look(id, directory)?.record;
    if (!record) throw new TestbedError({ step: `session ${id} has no testbed` });
    return await work(record);
  } finally {
    lock.release();
  }
}
