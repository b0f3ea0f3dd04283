import { asError, LeftBehind, TestbedError } from '../../src/errors.ts';
import type { Place } from '../../src/place/place.ts';
import type { Context, Regime, Testbed } from '../../src/regime.ts';
import { describe, strengthsOf, type AutoSettings, type Candidate } from './candidates.ts';

/** Which candidate was taken, what it opened, and why those before it were not. */
export interface Picked {
  index: number;
  candidate: Candidate;
  testbed: Testbed;
  refused: string[];
}

/**
 * Opens the candidates one after the other until one works and has what is needed.
 * @param begin writes down that a candidate is going to be opened; the context is what it is opened with
 * @param only the index of one that was taken before: no other is tried
 * @throws TestbedError that says of each why it does not work
 * @throws LeftBehind where one has left something: then none after it is tried
 */
export async function pickTestbed(
  find: (name: string) => Regime,
  { candidates, needs, unfit }: AutoSettings,
  states: readonly unknown[],
  outer: Place,
  signal: AbortSignal,
  begin: (index: number) => Promise<Context>,
  only?: number,
): Promise<Picked> {
  const refused = [...unfit];
  for (const [index, candidate] of candidates.entries()) {
    if (only !== undefined && index !== only) continue;
    const context = await begin(index);
    context.log.debug(`auto: trying ${describe(candidate)}`);
    let testbed: Testbed;
    try {
      const regime = find(candidate.regime);
      testbed = await regime.open(candidate.settings, states[index], outer, context);
    } catch (cause) {
      // What is written down next would be all that a reaper knows of.
      if (cause instanceof LeftBehind) throw cause;
      signal.throwIfAborted();
      const { message } = asError(cause);
      // An engine that is not there is none for either of its candidates.
      if (refused.some((line) => line.endsWith(`: ${message}`))) continue;
      refused.push(`not ${describe(candidate)}: ${message}`);
      continue;
    }
    const has = strengthsOf(testbed);
    const lacking = needs.find((need) => !has.includes(need));
    if (lacking === undefined) return { index, candidate, testbed, refused };
    const refusal = `not ${describe(candidate)}: it has not ${lacking}`;
    await testbed.close(context).catch((cause: unknown) => {
      throw new LeftBehind(new TestbedError({ step: `auto: ${refusal}` }), asError(cause));
    });
    refused.push(refusal);
  }
  throw new TestbedError({
    step: 'auto: nothing that it may take works here',
    status: refused.join('; '),
    hint: "'regime doctor' says more",
  });
}

/** Which is taken and why, on one line. */
export function explain({ candidate, testbed, refused }: Picked): string {
  const how = `auto takes ${describe(candidate)}, the strongest that works here (${strengthOf(testbed)})`;
  return [how, ...refused].join('; ');
}

/** In the words of the protocol; a person should know before harm is done that it stays. */
export function strengthOf(testbed: Testbed): string {
  const words = strengthsOf(testbed);
  const weaker = words.includes('revert-full-system') ? 'revert' : undefined;
  const shown = words.filter((word) => word !== weaker);
  return [...(testbed.revert ? [] : ['nothing is taken back']), ...shown].join(', ');
}
