import type { Argv } from '../bytes.ts';
import { LeftBehind, TestbedError, asError } from '../errors.ts';
import { localPlace } from '../place/local.ts';
import type { Place } from '../place/place.ts';
import { prefixedPlace } from '../place/prefixed.ts';
import type { Context, Regime, SparePreparation, Testbed } from '../regime.ts';

/** One regime of a chain with what the command line and the plan say. */
export interface Link {
  regime: Regime;
  settings: unknown;
  state: unknown;
}

/** Testbeds inside each other, outermost first. */
export interface Chain {
  /** How many testbeds there are. */
  readonly depth: number;
  /** The testbed that the caller sees. */
  readonly innermost: Testbed;
  /** What `revert` takes back; undefined where no level can revert. */
  readonly reverts: 'packages' | 'everything' | undefined;
  /** What of it can not outlive its server, as a phrase; undefined where all can. */
  readonly frail: string | undefined;
  /**
   * Sets the environment of the innermost testbed's commands, on the innermost level that can: what
   * has no environment of its own (null) hands on that of the level it is in.
   */
  setEnvironment(variables: Argv, context: LevelContext): Promise<void>;
  /**
   * Has the level that reverts keep spares, if it does. They are prepared where it is the innermost
   * one; else what is inside them is made when they are used.
   */
  prepareSpares(prepare: SparePreparation): void;
  /** Reverts the innermost level that can, and makes what is inside it anew. */
  revert(context: LevelContext): Promise<void>;
  /**
   * Lets every level outlive its server, innermost first: each lives on by the one around it.
   * @throws TestbedError where one can't, before anything was done where that is known before
   */
  keep(context: LevelContext): Promise<void>;
  /** Closes all, innermost first. Tries every level; the first failure is thrown. */
  close(context: LevelContext): Promise<void>;
}

/** A context that still has to know whose state is checkpointed. */
export type LevelContext = (level: number) => Context;

/**
 * Opens a chain of regimes. Where one fails the ones around it are closed again.
 * @param variables `NAME=VALUE`, for all commands of the session, whatever their environment is: the
 *   values plain words
 * @param outermost where the first of them is made
 * @throws LeftBehind where one fails and something is left, of it or of the ones around it
 */
export async function openChain(
  links: readonly Link[],
  contextOf: LevelContext,
  variables: Argv = [],
  outermost: Place = localPlace,
): Promise<Chain> {
  const testbeds: Testbed[] = [];
  /** Why there is something of a level that could not be opened, for which there is no Testbed. */
  let left: Error | undefined;

  const openFrom = async (first: number, context: LevelContext) => {
    for (const [level, { regime, settings, state }] of links.entries()) {
      if (level < first) continue;
      const outer: Place = testbeds[level - 1]?.place ?? outermost;
      try {
        testbeds[level] = await regime.open(settings, state, outer, context(level));
      } catch (cause) {
        if (!(cause instanceof LeftBehind)) throw cause;
        left = cause.left;
        throw cause.failure;
      }
    }
  };
  const closeDownTo = async (last: number, context: LevelContext) => {
    let failure: unknown;
    while (testbeds.length > last) {
      const level = testbeds.length - 1;
      const testbed = testbeds.pop();
      await testbed?.close(context(level)).catch((error: unknown) => (failure ??= error));
    }
    if (failure) throw asError(failure);
  };
  const close = async (context: LevelContext) => {
    await closeDownTo(0, context);
    if (left) throw left;
  };

  try {
    await openFrom(0, contextOf);
  } catch (cause) {
    await close(contextOf).catch((failure: unknown) => {
      throw new LeftBehind(cause, asError(failure));
    });
    throw cause;
  }

  const revertingLevel = () => testbeds.findLastIndex((testbed) => testbed.revert);
  const frailOne = () => {
    const frail = testbeds.find((testbed) => !testbed.keep);
    return frail && `${frail.place.label} can not outlive its server`;
  };
  return {
    depth: links.length,
    get frail() {
      return frailOne();
    },
    get innermost() {
      const testbed = testbeds.at(-1);
      if (!testbed) throw new TestbedError({ step: 'the testbed is closed' });
      if (variables.length === 0 || testbeds.some((level) => level.setEnvironment)) return testbed;
      // Commands that have the environment of whoever runs them.
      const place = placeWith(testbed.place, variables);
      return Object.create(testbed, { place: { value: place } }) as Testbed;
    },
    get reverts() {
      return testbeds[revertingLevel()]?.traits.reverts;
    },
    async setEnvironment(all, context) {
      const level = testbeds.findLastIndex((testbed) => testbed.setEnvironment);
      await testbeds[level]?.setEnvironment?.([...all, ...variables], context(level));
    },
    prepareSpares(prepare) {
      const level = revertingLevel();
      const innermost = level === testbeds.length - 1;
      testbeds[level]?.prepareSpares?.(innermost ? prepare : () => Promise.resolve());
    },
    async revert(context) {
      const level = revertingLevel();
      await closeDownTo(level + 1, context);
      await testbeds[level]?.revert?.(context(level));
      await openFrom(level + 1, context);
    },
    async keep(context) {
      const frail = frailOne();
      if (frail !== undefined) throw new TestbedError({ step: frail });
      for (const [level, testbed] of [...testbeds.entries()].reverse()) {
        await testbed.keep?.(context(level));
      }
    },
    close,
  };
}

/** A Place whose commands have some variables more. By sh: env(1) would take a program `a=b` for one. */
function placeWith(place: Place, variables: Argv): Place {
  const names = variables.map((variable) => variable.slice(0, variable.indexOf('=')));
  const script = `${variables.join(' ')}; export ${names.join(' ')}; exec "$@"`;
  return { ...prefixedPlace(place.label, ['sh', '-c', script, 'sh'], place), isHost: place.isHost };
}
