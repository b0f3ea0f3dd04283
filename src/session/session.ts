import type { Argv } from '../bytes.ts';
import { asError, TestbedError } from '../errors.ts';
import { faultPoint } from '../fault.ts';
import type { Logger } from '../log.ts';
import type { Place } from '../place/place.ts';
import { copyDown, copyUp, type CopyJournal } from '../place/copy.ts';
import type { CopyWords, ExecuteRequest, Session } from '../protocol/session.ts';
import type { Context } from '../regime.ts';
import { foreseenCapabilities, openCapabilities, type Foreseen } from './capabilities.ts';
import { failingAs, within } from './failing-as.ts';
import type { Journal } from './journal.ts';
import { beginSession, contextsOf, endBegun, wishesOf, type OpenSession } from './opening.ts';
import type { SessionOptions } from './options.ts';
import { probe, type Facts } from './probe.ts';
import { settleInnermost, settleTestbed } from './settle.ts';
import { carriesShare } from './share.ts';

/** Either nothing is there, or all of this is. */
type State = { name: 'closed' } | ({ name: 'open' } & OpenSession);

/** The session behind one server: drives a chain of regimes through its states. */
export function createSession(options: SessionOptions): Session {
  const { chain: links, log, vouched } = options;
  let state: State = { name: 'closed' };
  /** What is known of spare testbeds, which were made ready ahead of the revert that takes them. */
  const prepared = new WeakMap<Place, Facts>();
  const wishes = wishesOf(options);
  let closing = new AbortController();

  const opened = () => {
    if (state.name === 'closed') throw new TestbedError({ step: 'the testbed is not open' });
    return state;
  };
  const innermost = () => opened().chain.innermost;
  const contextOf = (signal: AbortSignal): Context =>
    contextsOf(options, opened().journal, signal)(links.length - 1);
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

  const open = async (signal: AbortSignal): Promise<Facts> => {
    const begun = await beginSession(options, wishes, signal);
    const { chain, journal, share, facts } = begun;
    state = { name: 'open', ...begun };
    closing = new AbortController();
    const context = contextsOf(options, journal, closing.signal)(links.length - 1);
    chain.prepareSpares(async (spare) => {
      const setEnvironment = (variables: Argv) =>
        spare.setEnvironment([...variables, ...(share?.variables ?? [])]);
      const testbed = { ...spare, setEnvironment };
      prepared.set(
        spare.place,
        await settleTestbed(testbed, facts.scratch, wishes, share, context),
      );
    });
    return facts;
  };

  const close = async (failed = false): Promise<void> => {
    if (state.name === 'closed') return;
    const begun = state;
    state = { name: 'closed' };
    closing.abort();
    try {
      await endBegun(begun, begun.facts.scratch, options, wishes, failed);
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
        const contexts = contextsOf(options, current.journal, signal);
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
        await current.chain.setEnvironment(
          facts.environment,
          contextsOf(options, current.journal, signal),
        );
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

/** What a testbed shows, but for an account that can't be used. */
function promised({ facts, noUser }: OpenSession): Facts {
  if (noUser === undefined) return facts;
  const { normalUser: _, ...others } = facts;
  return others;
}

function warnOfWithdrawn(opened: OpenSession, log: Logger): void {
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
