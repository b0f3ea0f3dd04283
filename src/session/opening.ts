import type { Bytes } from '../bytes.ts';
import { LeftBehind, TestbedError } from '../errors.ts';
import { faultPoint } from '../fault.ts';
import { openChain, type Chain, type LevelContext } from './chain.ts';
import { endSession } from './ending.ts';
import { startJournal, type Journal } from './journal.ts';
import { tryNormalUser } from './normal-user.ts';
import type { SessionOptions } from './options.ts';
import type { Facts } from './probe.ts';
import { newScratchPath } from './scratch.ts';
import { settleInnermost, type Wishes } from './settle.ts';
import { createShare, type Share } from './share.ts';

/** Who vouches for a user wants that user to be able to write into the scratch space. */
const USER_CAPABILITY = 'suggested-normal-user=';

/** What there is of a session from its first testbed on. */
interface Begun {
  chain: Chain;
  journal: Journal;
  share: Share | undefined;
}

/** A session whose testbed can be used. */
export interface OpenSession extends Begun {
  facts: Facts;
  /** Why the account of a normal user can't be used. */
  noUser: Bytes | undefined;
}

/** What the command line says of each testbed of the session. */
export function wishesOf({ vouched, setup, scratchMode }: SessionOptions): Wishes {
  const user = vouched
    .find((word) => word.startsWith(USER_CAPABILITY))
    ?.slice(USER_CAPABILITY.length);
  return {
    setup,
    ...(scratchMode !== undefined && { scratchMode }),
    ...(user !== undefined && { user }),
  };
}

/** The contexts of a session's levels. */
export function contextsOf(
  { log, wait }: SessionOptions,
  journal: Journal,
  signal: AbortSignal,
): LevelContext {
  return (level) => ({
    signal,
    log,
    ...(wait !== undefined && { wait }),
    checkpoint: (state) => journal.checkpoint(level, state),
  });
}

/**
 * Opens a session: its record, its testbeds, what has to be done with them. Where it fails, or is given
 * up, all of it is taken away again or left to the user, as an end is.
 */
export async function beginSession(
  options: SessionOptions,
  wishes: Wishes,
  signal: AbortSignal,
): Promise<OpenSession> {
  const journal = await startJournal(options.repository, options.chain, options.share);
  faultPoint('open.recorded');
  const share = options.share ? createShare(journal.id, journal.directory) : undefined;
  const contexts = contextsOf(options, journal, signal);
  let begun: Begun | undefined;
  let scratch = '';
  try {
    const chain = await openChain(journal.links, contexts, share?.variables);
    begun = { chain, journal, share };
    faultPoint('open.made');
    if (options.keep !== 'never' && chain.frail !== undefined) {
      throw new TestbedError({ step: chain.frail, hint: 'leave --keep out' });
    }
    scratch = await recordDirectories(begun);
    const facts = await settleInnermost(chain, scratch, wishes, share, contexts);
    signal.throwIfAborted();
    faultPoint('open.settled');
    // Once is enough: a revert brings back what was tried.
    const [noUser] = await Promise.all([
      tryNormalUser(chain.innermost.place, facts, contexts(chain.depth - 1)),
      journal.phase('open'),
    ]);
    faultPoint('open.done');
    return { ...begun, facts, noUser };
  } catch (cause) {
    if (cause instanceof LeftBehind) {
      journal.abandon(cause.left, options.log);
      throw cause.failure;
    }
    const given = begun && endBegun(begun, scratch, options, wishes, !signal.aborted);
    // That something of it is left has been said; what went wrong first is the news.
    await (given ?? journal.end()).catch(() => {});
    throw cause;
  }
}

/**
 * Ends what was begun.
 * @param scratch empty where no scratch space was named yet
 * @param failed true where the session ends because something failed
 */
export function endBegun(
  { chain, journal, share }: Begun,
  scratch: Bytes,
  options: SessionOptions,
  wishes: Wishes,
  failed: boolean,
): Promise<void> {
  const contexts = contextsOf(options, journal, new AbortController().signal);
  const own = share && !chain.innermost.share ? [share.path] : [];
  const made = scratch === '' ? [] : [scratch, ...own];
  const settled = { scratch, wishes, share: share !== undefined };
  const ending = { chain, journal, made, settled, contexts };
  return endSession(ending, options.keep, failed, options.log);
}

/**
 * Names the scratch space, and writes down what will not go with its server, before it is made.
 * @returns the path of the scratch space
 */
async function recordDirectories({ chain, journal, share }: Begun): Promise<Bytes> {
  const { place, traits, share: own } = chain.innermost;
  const scratch = newScratchPath(place);
  const on = place.isHost ? 'host' : 'testbed';
  if (!traits.ephemeral) await journal.scratch({ on, path: scratch });
  if (!share || (traits.ephemeral && own?.host === undefined)) return scratch;
  await journal.share({ on, path: share.path, ...(own?.host !== undefined && { host: own.host }) });
  return scratch;
}
