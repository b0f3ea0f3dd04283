import type { Bytes } from '../bytes.ts';
import { asError } from '../errors.ts';
import { faultPoint } from '../fault.ts';
import type { Logger } from '../log.ts';
import type { Chain, LevelContext } from './chain.ts';
import type { Journal } from './journal.ts';
import type { Settled } from './record.ts';
import { removeScratch } from './scratch.ts';

/** When a testbed is left to its user instead of being taken away. */
export type KeepPolicy = 'never' | 'on-failure' | 'always';

/** An open testbed with its record. */
export interface Opened {
  chain: Chain;
  journal: Journal;
  /** Directories that the session has made on the testbed. */
  made: readonly Bytes[];
  /** The scratch space in it is empty where none was named yet. */
  settled: Settled;
  /** Without a signal: an end is what is left when all else has been given up. */
  contexts: LevelContext;
}

/**
 * Ends a session: its testbed is taken away and its record goes, or both are left to the user.
 * @param failed true where the session ends because something failed
 * @throws Error where something could not be taken away; then the record stays for a reaper
 */
export async function endSession(
  opened: Opened,
  policy: KeepPolicy,
  failed: boolean,
  log: Logger,
): Promise<void> {
  const { journal } = opened;
  const wanted = policy === 'always' || (policy === 'on-failure' && failed) || journal.kept;
  if (wanted && (await keep(opened, log))) return;
  faultPoint('close.begun');
  try {
    await takeAway(opened);
  } catch (cause) {
    journal.abandon(asError(cause), log);
    throw cause;
  }
  await journal.end();
}

/** False where it can't be kept. The mark comes first: a reaper may be about. */
async function keep({ chain, journal, settled, contexts }: Opened, log: Logger): Promise<boolean> {
  const { id } = journal;
  try {
    journal.kept = true;
    if (settled.scratch !== '') await journal.settled(settled);
    faultPoint('keep.marked');
    await chain.keep(contexts);
    faultPoint('keep.done');
  } catch (cause) {
    log.warn(`session ${id} is not kept: ${asError(cause).message}`);
    journal.kept = false;
    return false;
  }
  await journal.release();
  log.warn(
    `session ${id} is kept: 'regime shell ${id}' gets in, 'regime reap ${id}' takes it away`,
  );
  return true;
}

async function takeAway({ chain, made, contexts }: Opened): Promise<void> {
  const { place, traits } = chain.innermost;
  try {
    // What goes as a whole takes them along.
    if (!traits.ephemeral) for (const path of made) await removeScratch(place, path);
    faultPoint('close.emptied');
  } finally {
    // Also where nothing more can be reached: what is ours here has to go.
    await chain.close(contexts);
  }
  faultPoint('close.closed');
}
