import { bytesOf } from '../bytes.ts';
import type { Logger } from '../log.ts';
import type { CopyJournal } from '../place/copy.ts';
import type { Regime } from '../regime.ts';
import type { Link } from './chain.ts';
import { forgetDirectory, isKept, keepDirectory } from './kept.ts';
import {
  encodeRecord,
  newRecord,
  type Phase,
  type RecordedScratch,
  type RecordedShare,
  type Settled,
} from './record.ts';
import type { OwnSession, Repository } from './repository.ts';
import { sharePath } from './share.ts';

/** The record of one open session, kept on disk ahead of what is done. */
export interface Journal extends CopyJournal {
  /** The chain with its planned states. */
  readonly links: readonly Link[];
  readonly id: string;
  /** The session's own directory on this host. */
  readonly directory: string;
  phase(phase: Phase): Promise<void>;
  checkpoint(level: number, state: unknown): Promise<void>;
  /** The session share is about to be made where it does not go with its server, or can be seen here. */
  share(share: RecordedShare): Promise<void>;
  /** The scratch space is about to be made on a testbed that does not go with its server. */
  scratch(scratch: RecordedScratch): Promise<void>;
  /** The testbed is about to be left to its user. */
  settled(settled: Settled): Promise<void>;
  /** Nothing is left of the session: its directory goes. */
  end(): Promise<void>;
  /** Whether the user has marked the session to be kept, and the mark. */
  kept: boolean;
  /** The session is left to its user: others may have its lock. */
  release(): Promise<void>;
  /** Something is left: the record stays for a reaper once this process has ended. */
  abandon(cause: Error, log: Logger): void;
}

/**
 * Makes a session's directory and writes down what is planned, before anything of it is made.
 * @param chain outermost first; `reference` is what a reaper finds the regime by
 * @param share true where the innermost testbed is to have a session share
 */
export async function startJournal(
  repository: Repository,
  chain: readonly { regime: Regime; reference: string; settings: unknown }[],
  share: boolean,
): Promise<Journal> {
  const session = await repository.create();
  try {
    return await planSession(repository, session, chain, share);
  } catch (cause) {
    await repository.remove(session);
    throw cause;
  }
}

async function planSession(
  repository: Repository,
  session: OwnSession,
  chain: Parameters<typeof startJournal>[1],
  share: boolean,
): Promise<Journal> {
  const links = chain.map(({ regime, settings }, level) => ({
    regime,
    settings,
    state: regime.plan(settings, {
      id: session.id,
      directory: bytesOf(session.directory),
      repository: bytesOf(repository.path),
      local: level === 0,
      ...(share && level === chain.length - 1 && { share: sharePath(session.id) }),
      bare: chain.slice(level + 1).every((inner) => inner.regime.passesThrough),
    }),
  }));
  const record = newRecord(
    session.id,
    links.map(({ settings, state }, level) => ({
      regime: chain[level]?.reference ?? '',
      settings,
      state,
    })),
  );
  const save = () => session.storage.saveCheckpoint(encodeRecord(record));
  await save();

  return {
    links,
    id: session.id,
    directory: session.directory,
    async phase(phase) {
      record.phase = phase;
      await save();
    },
    async checkpoint(level, state) {
      const entry = record.regimes[level];
      if (entry) entry.state = state;
      await save();
    },
    async share(share) {
      record.share = share;
      await save();
    },
    async scratch(scratch) {
      record.scratch = scratch;
      await save();
    },
    async settled(settled) {
      record.settled = settled;
      await save();
    },
    async planned(replacement) {
      record.replacement = replacement;
      await save();
    },
    async done() {
      delete record.replacement;
      await save();
    },
    end: () => repository.remove(session),
    get kept() {
      return isKept(session.directory);
    },
    set kept(wanted) {
      if (wanted) keepDirectory(session.directory);
      else forgetDirectory(session.directory);
    },
    async release() {
      await session.storage.close();
      session.lock.release();
    },
    abandon(cause, log) {
      log.warn(`what is left of session ${session.id} stays for 'regime reap': ${cause.message}`);
    },
  };
}
