import type { Argv, Bytes } from '../bytes.ts';
import { asError, TestbedError, TimedOut } from '../errors.ts';
import { faultPoint } from '../fault.ts';
import type { Logger } from '../log.ts';
import type { Place } from '../place/place.ts';
import { copyDown, copyUp, type CopyJournal } from '../place/copy.ts';
import type { CopyWords, ExecuteRequest, Session } from '../protocol/session.ts';
import type { Context } from '../regime.ts';
import { foreseenCapabilities, openCapabilities, type Foreseen } from './capabilities.ts';
import { openChain, type Chain } from './chain.ts';
import { endSession } from './ending.ts';
import { startJournal, type Journal } from './journal.ts';
import type { SessionOptions } from './options.ts';
import { tryNormalUser } from './normal-user.ts';
import { probe, type Facts } from './probe.ts';
import { newScratchPath } from './scratch.ts';
import { settleInnermost, settleTestbed, type Wishes } from './settle.ts';
import { carriesShare, createShare, type Share } from './share.ts';

/** Who vouches for a user wants that user to be able to write into the scratch space. */
const USER_CAPABILITY = 'suggested-normal-user=';

/** Either nothing is there, or all of this is. */
type State =
  { name: 'closed' } | ({ name: 'open'; facts: Facts; noUser: Bytes | undefined } & Begun);

/** What there is of a session from its first testbed on. */
interface Begun {
  chain: Chain;
  journal: Journal;
  share: Share | undefined;
}

/** The session behind one server: drives a chain of regimes through its states. */
export function createSession(options: SessionOptions): Session {
  const { chain: links, log, vouched } = options;
  let state: State = { name: 'closed' };
  /** What is known of spare testbeds, which were made ready ahead of the revert that takes them. */
  const prepared = new WeakMap<Place, Facts>();
  let closing = new AbortController();

  const user = vouched
    .find((word) => word.startsWith(USER_CAPABILITY))
    ?.slice(USER_CAPABILITY.length);
  const wishes: Wishes = {
    setup: options.setup,
    ...(options.scratchMode !== undefined && { scratchMode: options.scratchMode }),
    ...(user !== undefined && { user }),
  };

  const opened = () => {
    if (state.name === 'closed') throw new TestbedError({ step: 'the testbed is not open' });
    return state;
  };
  const innermost = () => opened().chain.innermost;
  const contextFor = (journal: Journal, signal: AbortSignal) => (level: number) => ({
    signal,
    log,
    ...(options.wait !== undefined && { wait: options.wait }),
    checkpoint: (levelState: unknown) => journal.checkpoint(level, levelState),
  });
  const contextOf = (signal: AbortSignal): Context =>
    contextFor(opened().journal, signal)(links.length - 1);
  const copyOptions = (signal: AbortSignal) => {
    const { place, traits } = innermost();
    const { journal } = opened();
    return {
      signal,
      log,
      timeLimit: options.copyTimeLimit,
      journal: place.isHost ? hostJournal(journal) : journal,
      // A volume that outlives the testbed takes 'everything' away.
      disposable: traits.ephemeral && traits.reverts === 'everything' && !place.shared,
    };
  };

  const end = ({ chain, journal, share }: Begun, scratch: Bytes, failed: boolean) => {
    const contexts = contextFor(journal, new AbortController().signal);
    const own = share && !chain.innermost.share ? [share.path] : [];
    const made = scratch === '' ? [] : [scratch, ...own];
    const settled = { scratch, wishes, share: share !== undefined };
    return endSession({ chain, journal, made, settled, contexts }, options.keep, failed, log);
  };

  const open = async (signal: AbortSignal): Promise<Facts> => {
    const journal = await startJournal(options.repository, links, options.share);
    faultPoint('open.recorded');
    const share = options.share ? createShare(journal.id, journal.directory) : undefined;
    const context = contextFor(journal, signal);
    let begun: Begun | undefined;
    let path = '';
    try {
      const chain = await openChain(journal.links, context, share?.variables);
      begun = { chain, journal, share };
      faultPoint('open.made');
      if (options.keep !== 'never' && chain.frail !== undefined) {
        throw new TestbedError({ step: chain.frail, hint: 'leave --keep out' });
      }
      path = await recordDirectories(begun);
      const facts = await settleInnermost(chain, path, wishes, share, context);
      signal.throwIfAborted();
      faultPoint('open.settled');
      // Once is enough: a revert brings back what was tried.
      const [noUser] = await Promise.all([
        tryNormalUser(chain.innermost.place, facts, context(links.length - 1)),
        journal.phase('open'),
      ]);
      faultPoint('open.done');
      state = { name: 'open', ...begun, facts, noUser };
      closing = new AbortController();
      const spareContext = context(links.length - 1);
      chain.prepareSpares(async (spare) => {
        const own = { ...spareContext, signal: closing.signal };
        const setEnvironment = (variables: Argv) =>
          spare.setEnvironment([...variables, ...(share?.variables ?? [])]);
        const ready = await settleTestbed(
          { ...spare, setEnvironment },
          facts.scratch,
          wishes,
          share,
          own,
        );
        prepared.set(spare.place, ready);
      });
      return facts;
    } catch (cause) {
      // That something of it is left has been said; what went wrong first is the news.
      await (begun ? end(begun, path, !signal.aborted) : journal.end()).catch(() => {});
      throw cause;
    }
  };

  const close = async (failed = false): Promise<void> => {
    if (state.name === 'closed') return;
    const begun = state;
    state = { name: 'closed' };
    closing.abort();
    try {
      await end(begun, begun.facts.scratch, failed);
    } catch (cause) {
      throw new TestbedError({ step: `close: ${asError(cause).message}`, cause });
    }
  };

  return {
    get isOpen() {
      return state.name === 'open';
    },
    capabilities() {
      if (state.name === 'closed') return foreseenCapabilities(foresee(links), vouched);
      return openCapabilities(state.chain.innermost, promised(state), state.chain.reverts, vouched);
    },
    async open(signal) {
      const { scratch } = await failingAs('open', within(options.timeoutOpen, signal), open);
      warnOfWithdrawn(opened(), log);
      return scratch;
    },
    async revert(signal) {
      const current = opened();
      await failingAs('revert', signal, async () => {
        const contexts = contextFor(current.journal, signal);
        const carried = carriesShare(innermost()) ? undefined : current.share;
        await carried?.save(innermost().place, contextOf(signal));
        faultPoint('revert.begun');
        await current.chain.revert(contexts);
        faultPoint('revert.swapped');
        current.facts =
          prepared.get(innermost().place) ??
          (await settleInnermost(
            current.chain,
            current.facts.scratch,
            wishes,
            current.share,
            contexts,
          ));
        await carried?.restore(innermost().place, contextOf(signal));
        faultPoint('revert.settled');
      });
      return current.facts.scratch;
    },
    async reboot(prepareOnly, signal) {
      const current = opened();
      await failingAs('reboot', signal, async () => {
        const { rebootTestbed } = await import('./reboot.ts');
        const context = contextOf(signal);
        await rebootTestbed(innermost(), current.facts.scratch, prepareOnly, context);
        const facts = await probe(innermost().place, innermost().traits, context);
        await current.chain.setEnvironment(facts.environment, contextFor(current.journal, signal));
        current.facts = { ...facts, scratch: current.facts.scratch };
      });
    },
    close,
    auxverb() {
      const { prefix, label } = innermost().place;
      // Both generations of harness decode the reply twice.
      if (!prefix.some((word) => /[,%]/.test(word))) return prefix;
      throw new TestbedError({
        step: `the command that enters ${label} holds a comma or a percent sign`,
        command: prefix,
        hint: 'install regime under a path without them',
      });
    },
    async execute(request: ExecuteRequest, signal) {
      const module = await import('./execute.ts');
      return module.execute(innermost().place, request, options.inherited, contextOf(signal));
    },
    copyDown: (words: CopyWords, signal) => copyDown(innermost().place, words, copyOptions(signal)),
    copyUp: (words: CopyWords, signal) => copyUp(innermost().place, words, copyOptions(signal)),
    async shell(directory, environment, signal) {
      const { openShell } = await import('./shell.ts');
      await openShell(innermost().place, directory, environment, contextOf(signal));
    },
    async debugFailure() {
      return state.name === 'open' ? ((await innermost().debugFailure?.()) ?? '') : '';
    },
  };
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

/** Where a testbed's paths are the host's, so is what a copy leaves beside its destination. */
function hostJournal(journal: Journal): CopyJournal {
  return { ...journal, planned: (planned) => journal.planned({ ...planned, on: 'host' }) };
}

/** The innermost regime says what is seen; any level that reverts makes the chain revert. */
function foresee(links: SessionOptions['chain']): Foreseen {
  const all = links.map(({ regime, settings }) => regime.foresee?.(settings) ?? {});
  const reverts = all.findLast((foreseen) => foreseen.reverts)?.reverts;
  const { root = false, reboot = false } = all.at(-1) ?? {};
  return { root, reboot, ...(reverts && { reverts }) };
}

/** What a testbed shows, but for an account that can't be used. */
function promised({ facts, noUser }: { facts: Facts; noUser: Bytes | undefined }): Facts {
  if (noUser === undefined) return facts;
  const { normalUser: _, ...others } = facts;
  return others;
}

function warnOfWithdrawn(opened: State & { name: 'open' }, log: Logger): void {
  const { limitedRoot } = opened.chain.innermost.traits;
  const { uid, normalUser } = promised(opened);
  if (limitedRoot !== undefined) log.warn(`root-on-testbed is not advertised: ${limitedRoot}`);
  else if (opened.chain.reverts === 'everything' && uid === 0 && normalUser === undefined) {
    const why = opened.noUser ?? 'no account for a normal user could be made';
    log.warn(`revert-full-system is not advertised: ${why}`);
  } else if (opened.noUser !== undefined) {
    log.warn(`suggested-normal-user is not advertised: ${opened.noUser}`);
  }
}

function within(timeout: number | undefined, signal: AbortSignal): AbortSignal {
  if (timeout === undefined) return signal;
  return AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
}

/** A step that ends the server where it fails; a time limit of its own is a failure of the testbed. */
async function failingAs<T>(
  step: string,
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    signal.throwIfAborted();
    return await run(signal);
  } catch (cause) {
    const error = asError(cause);
    if (error instanceof TestbedError) {
      throw new TestbedError({ ...error.details, step: `${step}: ${error.details.step}`, cause });
    }
    if (error instanceof TimedOut || error.name === 'TimeoutError') {
      throw new TestbedError({ step: `${step}: time is up: ${error.message}`, cause });
    }
    if (signal.aborted) throw cause;
    throw new TestbedError({ step: `${step}: ${error.message}`, cause });
  }
}
