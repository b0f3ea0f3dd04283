import { anyOf } from '../abort.ts';
import type { Place } from '../place/place.ts';
import { localPlace } from '../place/local.ts';
import type { Context, Regime } from '../regime.ts';
import { TestbedError } from '../errors.ts';
import {
  encodeRecord,
  type RecordedScratch,
  type Replacement,
  type SessionRecord,
} from './record.ts';
import type { SessionStorage } from './storage.ts';

/** Milliseconds that the discarding of one session may take: an engine may hang. */
const DEADLINE = 120_000;

/**
 * How the outer Place of one level is reached when its server is dead: there it is; or it ends with
 * the level below, and what was made on it as well; or it can't be reached now.
 */
export type Reach =
  { place: Place; close?(): Promise<void> } | 'ends-with-outer' | { unreachable: string };

export type DiscardContext = Pick<Context, 'signal' | 'log' | 'unattended'>;

/** What the session layer does not know by itself. */
export interface Lookups {
  /** A regime by its name; undefined where there is none of this name. */
  findRegime(name: string): Promise<Regime | undefined>;
  /**
   * Settles a replacement of a directory that a crash came between: the old tree or the new one
   * whole under the final name, and nothing beside it. Idempotent. Left out, a session with such a
   * replacement on the host can't be reaped.
   */
  settleReplacement?(
    replacement: Replacement,
    record: SessionRecord,
    context: DiscardContext,
  ): Promise<void>;
  /** Removes the scratch space of a testbed that did not go with its server. Idempotent. */
  removeScratch?(
    scratch: RecordedScratch,
    record: SessionRecord,
    context: DiscardContext,
  ): Promise<void>;
  /**
   * The Place that level `level` (1 and up) of the chain was made on. Level 0 is made on this host.
   * Left out: every level ends with the one it is in.
   */
  reachOuter?(record: SessionRecord, level: number, context: DiscardContext): Promise<Reach>;
}

/**
 * Takes away what a session's record names: a pending replacement first, then the levels of the
 * chain, innermost first.
 * @throws TestbedError where something of it can't be; the record then still names it
 */
export async function discardTestbed(
  record: SessionRecord,
  storage: SessionStorage,
  lookups: Lookups,
  outer: DiscardContext,
): Promise<void> {
  const signal = anyOf(outer.signal, AbortSignal.timeout(DEADLINE));
  const current = structuredClone(record);
  await settle(current, storage, lookups, { ...outer, signal });
  const { scratch, share } = current;
  for (const directory of [scratch, share?.host === undefined ? share : undefined]) {
    if (directory) await lookups.removeScratch?.(directory, current, { ...outer, signal });
  }
  await discardLevels(current, storage, lookups, { ...outer, signal });
}

/**
 * Takes away the levels of the chain, innermost first.
 * @param record changes where a regime writes down what it has done
 * @param last the outermost one that goes
 * @throws TestbedError where something of it can't be
 */
export async function discardLevels(
  record: SessionRecord,
  storage: SessionStorage,
  lookups: Lookups,
  outer: DiscardContext,
  last = 0,
): Promise<void> {
  const { signal } = outer;
  for (let level = record.regimes.length - 1; level >= last; level--) {
    const entry = record.regimes[level];
    if (!entry) continue;
    const regime = await lookups.findRegime(entry.regime);
    if (!regime) {
      throw new TestbedError({ step: `this program has no regime named ${entry.regime}` });
    }
    const context: Context = {
      ...outer,
      checkpoint: (state) => {
        entry.state = state;
        return storage.saveCheckpoint(encodeRecord(record));
      },
    };
    const reach = await reachOf(record, level, lookups, context);
    if (reach === 'ends-with-outer') continue;
    if ('unreachable' in reach) {
      throw new TestbedError({
        step: `cannot reach what ${regime.name} was in: ${reach.unreachable}`,
      });
    }
    try {
      await untilAborted(signal, regime.discard(entry.state, reach.place, context));
    } finally {
      await reach.close?.();
    }
  }
}

/** A regime that does not hear the signal must not hold up the other sessions. */
async function untilAborted(signal: AbortSignal, step: Promise<void>): Promise<void> {
  let stop = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(new TestbedError({ step: 'no end of the clean-up', cause: signal.reason }));
  });
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    await Promise.race([step, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function settle(
  record: SessionRecord,
  storage: SessionStorage,
  lookups: Lookups,
  context: DiscardContext,
): Promise<void> {
  const { replacement } = record;
  if (!replacement) return;
  if (lookups.settleReplacement) await lookups.settleReplacement(replacement, record, context);
  else if (replacement.on === 'host') {
    throw new TestbedError({ step: `a copy to ${replacement.destination} was interrupted` });
  } else return;
  // Done with for good: where the discarding fails, the next try must not meddle there again.
  delete record.replacement;
  await storage.saveCheckpoint(encodeRecord(record));
}

async function reachOf(
  record: SessionRecord,
  level: number,
  lookups: Lookups,
  context: DiscardContext,
): Promise<Reach> {
  if (level === 0) return { place: localPlace };
  return (await lookups.reachOuter?.(record, level, context)) ?? 'ends-with-outer';
}
