import { lstatSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';

import { asError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { discardTestbed, type DiscardContext, type Lookups } from './discard.ts';
import { look, machineInLock, type Found } from './found.ts';
import { idOfName } from './ids.ts';
import { takeLock, type Lock } from './lock.ts';
import { machineId, ownerRuns } from './owner.ts';
import { RecordError, type SessionRecord } from './record.ts';
import { ignoreMissing, LOCK_FILE, removeSessionDirectory } from './remove.ts';
import type { Repository } from './repository.ts';
import { CHECKPOINT, openStorage } from './storage.ts';

/** What became of one session. Only `failed` asks for somebody's attention. */
export interface Reaped {
  id: string;
  outcome: 'reaped' | 'would-reap' | 'left' | 'failed';
  /** One line: what it was, or why it was left. */
  reason: string;
}

export interface ReapOptions {
  /** Only says what would be reaped. */
  dryRun?: boolean;
  /** Milliseconds: what changed later than that long ago is left. */
  olderThan?: number;
  /** The ids of the sessions to reap, kept ones too; left out: all but those that are kept. */
  only?: ReadonlySet<string>;
  /** Told of each session when it is done with, oldest session first. */
  onReaped?: (reaped: Reaped) => void;
}

/**
 * Discards what dead servers of this user left on this machine, oldest first. Whatever has an owner,
 * is kept, is another machine's or is not understood is left alone. A session that can't be
 * discarded keeps its record, and the others go on. Idempotent, and safe to run many times at once:
 * a session is touched only with its liveness lock held.
 */
export async function reap(
  repository: Repository,
  lookups: Lookups,
  context: DiscardContext,
  options: ReapOptions = {},
): Promise<Reaped[]> {
  const names = await repository.list();
  const all: Reaped[] = [];
  const say = (reaped: Reaped) => {
    all.push(reaped);
    options.onReaped?.(reaped);
  };
  const found: Found[] = [];
  for (const name of names) {
    // A directory of another name isn't ours.
    const id = idOfName(name);
    if (id === undefined || options.only?.has(id) === false) continue;
    try {
      const session = look(id, join(repository.path, name));
      if (session) found.push(session);
    } catch (cause) {
      say(unusable(id, cause));
    }
  }
  found.sort((a, b) => a.created - b.created);
  for (const session of found) {
    context.signal.throwIfAborted();
    const reaped = await reapOne(session, lookups, context, options);
    if (reaped) say(reaped);
  }
  return all;
}

/**
 * Reaps in the background of a starting server: costs one readdir where there is nothing to do.
 * Never rejects: what failed is a warning, and an abort ends it silently.
 */
export async function reapQuietly(
  repository: Repository,
  lookups: Lookups,
  context: { signal: AbortSignal; log: Logger },
): Promise<void> {
  const { log, signal } = context;
  const onReaped = ({ id, outcome, reason }: Reaped) => {
    if (outcome === 'failed') log.warn(`session ${id}, left by a dead server: ${reason}`);
    else log.debug(`session ${id}: ${outcome}: ${reason}`);
  };
  try {
    await reap(repository, lookups, { ...context, unattended: true }, { onReaped });
  } catch (cause) {
    if (!signal.aborted) log.warn(`cannot reap in ${repository.path}: ${asError(cause).message}`);
  }
}

async function reapOne(
  found: Found,
  lookups: Lookups,
  context: DiscardContext,
  options: ReapOptions,
): Promise<Reaped | undefined> {
  const { id, directory, record } = found;
  const left = (reason: string): Reaped => ({ id, outcome: 'left', reason });
  const { owner } = record ?? {};
  // A server that has left one testbed to its user may go on with another: there only the lock tells.
  if (owner && !found.kept && ownerRuns(owner)) return left(`in use by process ${owner.pid}`);
  const machine = owner?.machine ?? machineInLock(directory);
  if (machine && machine !== machineId()) return left(`of another machine (${machine})`);
  if (spares(found, options)) return left('kept');
  // Without the option no age counts: a clock that was put back makes negative ones.
  const { olderThan } = options;
  if (olderThan && Date.now() - found.changed < olderThan) return left('not old enough');
  try {
    if (!record && !lstatSync(join(directory, LOCK_FILE), { throwIfNoEntry: false })) {
      return await removeUnlocked(found, options);
    }
    const lock = await takeDeadLock(directory);
    if (!lock) return left('in use, or being reaped by another process');
    try {
      return await reapLocked(found, lookups, context, options);
    } finally {
      lock.release();
    }
  } catch (cause) {
    if (context.signal.aborted) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return unusable(id, cause);
  }
}

/** What is kept goes only where it is asked for by name. */
function spares({ kept }: Found, { only }: ReapOptions): boolean {
  return kept && !only;
}

/**
 * A record whose lock file is missing is none that is just being removed (there the record goes
 * first): somebody took the file away, and any server that held it can't be told from a dead one.
 */
async function takeDeadLock(directory: string): Promise<Lock | undefined> {
  const path = join(directory, LOCK_FILE);
  const lock = await ignoreMissing(takeLock(path, { create: false }).then((taken) => ({ taken })));
  if (lock) return lock.taken;
  lstatSync(join(directory, CHECKPOINT));
  return takeLock(path);
}

/** With the lock held the owner is dead for certain, and what the record says now is the last word. */
async function reapLocked(
  { id, directory }: Found,
  lookups: Lookups,
  context: DiscardContext,
  options: ReapOptions,
): Promise<Reaped | undefined> {
  const current = look(id, directory);
  if (!current) return undefined;
  const { record } = current;
  if (spares(current, options)) return { id, outcome: 'left', reason: 'kept' };
  const reason = record ? describe(record) : 'half-made, nothing was started for it';
  if (options.dryRun) return { id, outcome: 'would-reap', reason };
  if (record) {
    const storage = await openStorage(directory);
    try {
      await storage.breakLock();
      await discardTestbed(record, storage, lookups, context);
    } finally {
      await storage.close();
    }
  }
  await removeSessionDirectory(directory);
  return { id, outcome: 'reaped', reason };
}

/**
 * A directory without record and lock: its server died between making the one and the other, or is
 * about to make the lock, finds no directory then and takes another name. rmdir(2) decides it.
 */
async function removeUnlocked(
  { id, directory }: Found,
  { dryRun }: ReapOptions,
): Promise<Reaped | undefined> {
  const reason = 'half-made, nothing was started for it';
  if (dryRun) return { id, outcome: 'would-reap', reason };
  try {
    await rmdir(directory);
    return { id, outcome: 'reaped', reason };
  } catch (cause) {
    // ENOENT goes up as well: then another reaper was quicker, and has said so.
    if ((cause as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw cause;
    return { id, outcome: 'left', reason: 'it has neither record nor lock, but other files' };
  }
}

function unusable(id: string, cause: unknown): Reaped {
  const { message } = asError(cause);
  // Left to a newer program on purpose; a damaged record needs somebody to look at it.
  const outcome = cause instanceof RecordError && cause.kind === 'newer' ? 'left' : 'failed';
  return { id, outcome, reason: message };
}

function describe(record: SessionRecord): string {
  const chain = record.regimes.map((entry) => entry.regime).join(' + ');
  return `${chain}, ${record.phase}, made ${record.created} by process ${record.owner.pid}`;
}
