import type { Argv, Bytes } from '../bytes.ts';
import { asError, TestbedError, TimedOut } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Place } from '../place/place.ts';
import { copyDown, copyUp, type CopyJournal } from '../place/copy.ts';
import type { CopyWords, ExecuteRequest, Session } from '../protocol/session.ts';
import type { Context, Regime, SpareTestbed } from '../regime.ts';
import { foreseenCapabilities, openCapabilities, type Foreseen } from './capabilities.ts';
import { openChain, type Chain, type LevelContext } from './chain.ts';
import { endSession, type KeepPolicy } from './ending.ts';
import { startJournal, type Journal } from './journal.ts';
import { probe, type Facts, type ScratchWish } from './probe.ts';
import type { Repository } from './repository.ts';
import { newScratchPath } from './scratch.ts';
import { settleTestbed } from './settle.ts';

/** What a session is made of and how. */
export interface SessionOptions {
  /** Outermost first. `reference` is what a reaper finds the regime by. */
  chain: readonly { regime: Regime; reference: string; settings: unknown }[];
  repository: Repository;
  log: Logger;
  /** Capabilities that the user vouches for. */
  vouched: Argv;
  /** Permission bits of the scratch space. */
  scratchMode?: number;
  /** Milliseconds that `open` may take. */
  timeoutOpen?: number;
  /** Milliseconds that `open` may wait for another user of the testbed. */
  wait?: number;
  /** When the testbed is left to its user. */
  keep: KeepPolicy;
  /** Scripts for the testbed's `sh`, run after each open and revert. */
  setup: Argv;
  /** Milliseconds that a copy may take. */
  copyTimeLimit: number;
  /** The descriptors that the caller passed to the server. */
  inherited: ReadonlySet<number>;
}

/** Who vouches for a user wants that user to be able to write into the scratch space. */
const USER_CAPABILITY = 'suggested-normal-user=';

/** Either nothing is there, or all of this is. */
type State = { name: 'closed' } | { name: 'open'; chain: Chain; journal: Journal; facts: Facts };

/** The session behind one server: drives a chain of regimes through its states. */
export function createSession(options: SessionOptions): Session {
  const { chain: links, log, vouched } = options;
  let state: State = { name: 'closed' };
  /** What is known of spare testbeds, which were made ready ahead of the revert that takes them. */
  const prepared = new WeakMap<Place, Facts>();
  let closing = new AbortController();

  const vouchedUser = vouched
    .find((word) => word.startsWith(USER_CAPABILITY))
    ?.slice(USER_CAPABILITY.length);

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
  const copyOptions = (signal: AbortSignal) => ({
    signal,
    log,
    timeLimit: options.copyTimeLimit,
    journal: innermost().place.isHost ? hostJournal(opened().journal) : opened().journal,
  });

  const settle = ({ traits, ...rest }: SpareTestbed, context: Context, path: Bytes) => {
    const own = traits.ephemeral && !rest.place.shared;
    const wish: ScratchWish = {
      path,
      ...(options.scratchMode !== undefined && { mode: options.scratchMode }),
      ...(!own && vouchedUser !== undefined && { owner: vouchedUser }),
    };
    return settleTestbed({ traits, ...rest }, wish, options.setup, context);
  };
  const settleInnermost = (chain: Chain, contexts: LevelContext, path: Bytes): Promise<Facts> => {
    const { place, traits } = chain.innermost;
    const setEnvironment = (variables: Argv) => chain.setEnvironment(variables, contexts);
    return settle({ place, traits, setEnvironment }, contexts(links.length - 1), path);
  };

  const end = (chain: Chain, journal: Journal, scratch: Bytes, failed: boolean): Promise<void> => {
    const contexts = contextFor(journal, new AbortController().signal);
    return endSession({ chain, journal, scratch, contexts }, options.keep, failed, log);
  };

  const open = async (signal: AbortSignal): Promise<Facts> => {
    const journal = await startJournal(options.repository, links);
    const context = contextFor(journal, signal);
    let chain: Chain | undefined;
    let path = '';
    try {
      chain = await openChain(journal.links, context);
      const { place, traits } = chain.innermost;
      path = newScratchPath(place);
      if (!traits.ephemeral) await journal.scratch({ on: place.isHost ? 'host' : 'testbed', path });
      const facts = await settleInnermost(chain, context, path);
      signal.throwIfAborted();
      await journal.phase('open');
      state = { name: 'open', chain, journal, facts };
      closing = new AbortController();
      const spareContext = context(links.length - 1);
      chain.innermost.prepareSpares?.(async (spare) => {
        const own = { ...spareContext, signal: closing.signal };
        prepared.set(spare.place, await settle(spare, own, facts.scratch));
      });
      return facts;
    } catch (cause) {
      // That something of it is left has been said; what went wrong first is the news.
      await (chain ? end(chain, journal, path, !signal.aborted) : journal.end()).catch(() => {});
      throw cause;
    }
  };

  const close = async (failed = false): Promise<void> => {
    if (state.name === 'closed') return;
    const { chain, journal, facts } = state;
    state = { name: 'closed' };
    closing.abort();
    try {
      await end(chain, journal, facts.scratch, failed);
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
      return openCapabilities(state.chain.innermost, state.facts, state.chain.reverts, vouched);
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
        await current.chain.revert(contexts);
        current.facts =
          prepared.get(innermost().place) ??
          (await settleInnermost(current.chain, contexts, current.facts.scratch));
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

function warnOfWithdrawn({ chain, facts }: { chain: Chain; facts: Facts }, log: Logger): void {
  const { limitedRoot } = chain.innermost.traits;
  if (limitedRoot !== undefined) log.warn(`root-on-testbed is not advertised: ${limitedRoot}`);
  else if (chain.reverts === 'everything' && facts.uid === 0 && facts.normalUser === undefined) {
    log.warn('revert-full-system is not advertised: no account for a normal user could be made');
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
