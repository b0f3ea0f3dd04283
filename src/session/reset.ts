import { join } from 'node:path';

import type { Bytes } from '../bytes.ts';
import { TestbedError } from '../errors.ts';
import { faultPoint } from '../fault.ts';
import type { Context } from '../regime.ts';
import { openChain, type LevelContext, type Link } from './chain.ts';
import { claimSession } from './claim.ts';
import { discardLevels, type Lookups } from './discard.ts';
import { look } from './found.ts';
import { sessionName } from './ids.ts';
import { thisOwner } from './owner.ts';
import { reachTestbed } from './reach.ts';
import { encodeRecord, type SessionRecord, type Settled } from './record.ts';
import type { Repository } from './repository.ts';
import { settleInnermost } from './settle.ts';
import { createShare, type Share } from './share.ts';
import { openStorage, type SessionStorage } from './storage.ts';

/** A kept session after its reset. */
export interface Reset {
  id: string;
  /** The chain, outermost first. */
  regimes: string[];
  /** The scratch space, which is empty. */
  scratch: Bytes;
}

/** The record of a session that was kept. */
type KeptRecord = SessionRecord & { settled: Settled };

type ResetContext = Pick<Context, 'signal' | 'log' | 'wait'>;

/**
 * Reverts the testbed of a kept session: the innermost level that can revert and what is inside it are
 * taken away, made anew from the record, made ready as after `open` with the session share put back,
 * and left to the user again. At any moment of it the record names what may be there.
 * @throws TestbedError where it can't be; then the testbed is as it was, or has gone and the next reset
 *   makes it
 */
export async function resetSession(
  repository: Repository,
  id: string,
  lookups: Lookups,
  context: ResetContext,
): Promise<Reset> {
  const directory = join(repository.path, sessionName(id));
  keptRecord(id, directory);
  const lock = await claimSession(id, directory, context);
  try {
    const record = keptRecord(id, directory);
    const storage = await openStorage(directory);
    try {
      await storage.breakLock();
      return await resetLocked(record, directory, storage, lookups, context);
    } finally {
      await storage.close();
    }
  } finally {
    lock.release();
  }
}

/** What the record says now. @throws TestbedError where the session is not a kept one */
function keptRecord(id: string, directory: string): KeptRecord {
  const { record, kept } = look(id, directory) ?? {};
  const { settled } = record ?? {};
  if (record && settled && kept) return { ...record, settled };
  throw new TestbedError({
    step: `session ${id} was not kept by its server: only a session that was can be reset`,
    hint: `see 'regime sessions show ${id}'`,
  });
}

async function resetLocked(
  record: KeptRecord,
  directory: string,
  storage: SessionStorage,
  lookups: Lookups,
  { signal, log, ...patience }: ResetContext,
): Promise<Reset> {
  const { id, settled, regimes } = record;
  const links = await linksOf(record, lookups);
  const level = revertingLevel(record, links);
  const save = () => storage.saveCheckpoint(encodeRecord(record));
  const contexts: LevelContext = (inner) => ({
    signal,
    log,
    ...patience,
    checkpoint: (state) => {
      const entry = regimes[level + inner];
      if (entry) entry.state = state;
      return save();
    },
  });

  // A reset that was cut off has saved the whole share: what is there now may be a part of it.
  const saved = record.phase === 'opening';
  record.owner = thisOwner();
  await save();
  const share = settled.share ? createShare(id, directory) : undefined;
  if (share && !saved) await saveShare(share, record, lookups, contexts(0));
  record.phase = 'opening';
  await save();
  faultPoint('reset.begun');
  await discardLevels(record, storage, lookups, { signal, log }, level);
  faultPoint('reset.discarded');

  const outer = await reachTestbed(record, lookups.findRegime, { signal, log }, level);
  if (!outer) throw new TestbedError({ step: `what the testbed of session ${id} is in has gone` });
  try {
    const inner = links.slice(level).map((link, index) => ({
      ...link,
      state: regimes[level + index]?.state,
    }));
    const chain = await openChain(inner, contexts, share?.variables, outer.place);
    try {
      faultPoint('reset.opened');
      const { scratch, wishes } = settled;
      const facts = await settleInnermost(chain, scratch, wishes, share, contexts);
      await share?.restore(chain.innermost.place, contexts(0));
      faultPoint('reset.settled');
      record.phase = 'open';
      await save();
      await chain.keep(contexts);
      faultPoint('reset.kept');
      return { id, regimes: regimes.map(({ regime }) => regime), scratch: facts.scratch };
    } catch (cause) {
      await chain.close(contexts).catch(() => {});
      throw cause;
    }
  } finally {
    await outer.close();
  }
}

async function linksOf({ regimes }: SessionRecord, { findRegime }: Lookups): Promise<Link[]> {
  return Promise.all(
    regimes.map(async ({ regime: name, settings, state }) => {
      const regime = await findRegime(name);
      if (regime) return { regime, settings, state };
      throw new TestbedError({ step: `this program has no regime named ${name}` });
    }),
  );
}

/** As with `revert` itself the innermost one that can. @throws TestbedError where none can */
function revertingLevel({ id }: SessionRecord, links: readonly Link[]): number {
  const level = links.findLastIndex(
    ({ regime, settings, state }) => regime.foresee?.(settings, state).reverts,
  );
  if (level >= 0) return level;
  const parts = links.map(({ regime, settings, state }) => {
    const holds = regime.holds?.(settings, state);
    return holds === undefined ? regime.name : `${regime.name}: ${holds}`;
  });
  throw new TestbedError({
    step: `session ${id} can not be reset: nothing of it reverts (${parts.join('; ')})`,
  });
}

/** Out of a testbed that has gone nothing can be saved any more: what was saved before counts. */
async function saveShare(
  share: Share,
  record: SessionRecord,
  { findRegime }: Lookups,
  context: Context,
): Promise<void> {
  const reached = await reachTestbed(record, findRegime, context);
  if (!reached) return;
  try {
    await share.save(reached.place, context);
  } finally {
    await reached.close();
  }
}
