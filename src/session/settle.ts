import type { Argv, Bytes } from '../bytes.ts';
import { TestbedError } from '../errors.ts';
import { describeEnding, endingWithSession, succeeded, type Place } from '../place/place.ts';
import type { Context, SpareTestbed } from '../regime.ts';
import type { Chain, LevelContext } from './chain.ts';
import type { Share } from './share.ts';
import { probe, type Facts, type ScratchWish } from './probe.ts';

/** How each fresh testbed of a session is made ready for its caller. */
export interface Wishes {
  /** Scripts for the testbed's `sh`. */
  readonly setup: Argv;
  /** Permission bits of the scratch space. */
  readonly scratchMode?: number;
  /** The account that the user vouches for, who has to be able to write into the scratch space. */
  readonly user?: Bytes;
}

/**
 * What has to be done with a fresh testbed before a caller may use it: a look at it, its environment,
 * the session share where there is to be one, the set-up commands (after which both are done again), its scratch space.
 * @param path of the scratch space
 * @throws TestbedError where a set-up command fails, or the testbed can't be looked at
 */
export async function settleTestbed(
  testbed: SpareTestbed,
  path: Bytes,
  wishes: Wishes,
  share: Share | undefined,
  context: Context,
): Promise<Facts> {
  const { place, traits, setEnvironment } = testbed;
  const { setup } = wishes;
  const wish = scratchWish(testbed, path, wishes);
  const last = setup.length === 0;
  const facts = await probe(place, traits, context, last ? wish : undefined);
  await setEnvironment(facts.environment);
  await share?.provide(testbed, facts, wish, context);
  if (last) return facts;
  for (const script of setup) await runSetup(place, script, context);
  // The set-up may have added accounts or locales.
  const after = await probe(place, traits, context, wish);
  await setEnvironment(after.environment);
  return after;
}

/** The same with the testbed that the caller of a chain sees. */
export function settleInnermost(
  chain: Chain,
  path: Bytes,
  wishes: Wishes,
  share: Share | undefined,
  contexts: LevelContext,
): Promise<Facts> {
  const { place, traits, share: own } = chain.innermost;
  const setEnvironment = (variables: Argv) => chain.setEnvironment(variables, contexts);
  const testbed = { place, traits, setEnvironment, ...(own && { share: own }) };
  return settleTestbed(testbed, path, wishes, share, contexts(chain.depth - 1));
}

function scratchWish(
  { traits, place }: SpareTestbed,
  path: Bytes,
  { scratchMode, user }: Wishes,
): ScratchWish {
  const own = traits.ephemeral && !place.shared;
  return {
    path,
    ...(scratchMode !== undefined && { mode: scratchMode }),
    ...(!own && user !== undefined && { owner: user }),
  };
}

async function runSetup(place: Place, script: Bytes, context: Context): Promise<void> {
  if (place.standIn !== undefined) {
    throw new TestbedError({ step: `the set-up commands want a shell: ${place.label} has none` });
  }
  const argv = endingWithSession(place, ['sh', '-c', script]);
  const outcome = await place.run(argv, { signal: context.signal });
  if (succeeded(outcome)) return;
  throw new TestbedError({
    step: 'the set-up command failed',
    command: [script],
    status: describeEnding(outcome.ending),
    output: outcome.stderr || outcome.stdout,
  });
}
