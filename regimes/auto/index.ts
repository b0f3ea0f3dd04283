import { TestbedError } from '../../src/errors.ts';
import type { Context, Regime } from '../../src/regime.ts';
import { readSettings, type AutoSettings } from './candidates.ts';
import { checkAuto } from './check.ts';
import { checkpointingAs } from './checkpointing.ts';
import { optionsOf } from './given.ts';
import { autoOptions } from './options.ts';
import { explain, pickTestbed } from './pick.ts';

/** What each candidate would make, and which of them is used. */
export interface AutoState {
  plans: { regime: string; state: unknown }[];
  /** Its index, written down before it is opened. */
  chosen?: number;
}

/** The strongest of some regimes that works on the outer Place. */
export function autoRegime(regimes: readonly Regime[]): Regime<AutoSettings, AutoState> {
  const find = (name: string): Regime => {
    const found = regimes.find((regime) => regime.name === name);
    if (found) return found;
    throw new TestbedError({ step: `this program has no regime named ${name}` });
  };
  /** The regime whose testbed there is or may be, and its state. */
  const chosenOf = ({ chosen, plans }: AutoState) => {
    const plan = chosen === undefined ? undefined : plans[chosen];
    return plan && { regime: find(plan.regime), state: plan.state };
  };
  /** Keeps what the one that was taken writes down at its place in our own state. */
  const contextFor = (state: AutoState, index: number, context: Context): Context => ({
    ...context,
    checkpoint: (own) => {
      const plan = state.plans[index];
      if (plan) plan.state = own;
      return context.checkpoint(state);
    },
  });

  return {
    name: 'auto',
    summary: 'the strongest of these that works here',
    operands: '[IMAGE | DIR | TARBALL]',
    options: autoOptions,
    borrowedOptions: optionsOf(regimes),
    // As what it takes may: for what does not, there is then nothing to discard.
    outlivesOuter: true,
    configure: (given, local) => readSettings(regimes, given, local),
    foresee({ candidates }, state) {
      const taken = candidates[state?.chosen ?? 0];
      return taken ? (find(taken.regime).foresee?.(taken.settings) ?? {}) : {};
    },
    check: (outer, context) => checkAuto(regimes, find, outer, context),
    plan: ({ candidates }, session) => ({
      plans: candidates.map(({ regime, settings }) => ({
        regime,
        state: find(regime).plan(settings, session),
      })),
    }),
    holds({ candidates }, state) {
      const taken = chosenOf(state);
      const settings = candidates[state.chosen ?? 0]?.settings;
      return taken?.regime.holds?.(settings, taken.state) ?? 'nothing yet';
    },
    async open(settings, planned, outer, context) {
      const state = structuredClone(planned);
      const begin = async (index: number) => {
        state.chosen = index;
        await context.checkpoint(state);
        return contextFor(state, index, context);
      };
      const states = state.plans.map((plan) => plan.state);
      const { chosen } = planned;
      const picked = await pickTestbed(
        find,
        settings,
        states,
        outer,
        context.signal,
        begin,
        chosen,
      );
      if (chosen === undefined) context.log.warn(explain(picked));
      return checkpointingAs(picked.testbed, (own) => contextFor(state, picked.index, own));
    },
    async reach({ candidates }, state, outer, context) {
      const taken = chosenOf(state);
      const settings = candidates[state.chosen ?? 0]?.settings;
      return taken?.regime.reach?.(settings, taken.state, outer, context);
    },
    async discard(state, outer, context) {
      const taken = chosenOf(state);
      const own = contextFor(state, state.chosen ?? 0, context);
      await taken?.regime.discard(taken.state, outer, own);
    },
  };
}
