import { textOf, type Argv, type Bytes } from '../../src/bytes.ts';
import { asError, shown, UsageError } from '../../src/errors.ts';
import type { Arguments, Offer, Regime, Testbed } from '../../src/regime.ts';
import {
  argumentsOf,
  givenOf,
  lackingOption,
  nothingHas,
  optionsOf,
  withGiven,
  wordsOf,
  type GivenOptions,
} from './given.ts';
import { NEEDS, type Need } from './options.ts';

/** A command line that may be tried. */
export interface Candidate {
  regime: string;
  /** As it would be typed, to be shown. */
  words: Argv;
  settings: unknown;
}

/** The command line of the auto regime, checked. */
export interface AutoSettings {
  /** The strongest first. */
  candidates: Candidate[];
  needs: Need[];
  /** Why a regime that might suit the words does not. */
  unfit: string[];
}

/**
 * What there is to try, strongest first: what takes back more; of equals what downloads nothing, then
 * in the order of the regimes. Only a regime that has all options that were given is tried.
 * @throws UsageError where nothing suits the words
 */
export function readSettings(
  regimes: readonly Regime[],
  given: Arguments,
  local: boolean,
): AutoSettings {
  const { operands, values } = given;
  const [operand, ...more] = operands;
  if (more.length > 0) {
    throw new UsageError('it takes one operand: an image, a directory or a tarball');
  }
  const needs = values('need').map(readNeed);
  const options = givenOf(optionsOf(regimes), given);
  const lacking: string[] = [];
  const unfit: string[] = [];
  const weighed = regimes.flatMap((regime) => {
    const offers = regime.offers?.(operand, local) ?? [];
    const option = lackingOption(regime, options);
    if (option !== undefined) {
      if (offers.length > 0) lacking.push(`not ${regime.name}: it has no option --${option}`);
      return [];
    }
    return offers.flatMap((offer) => {
      try {
        return [weigh(regime, offer, options, local)];
      } catch (cause) {
        unfit.push(`not ${regime.name}: ${asError(cause).message}`);
        return [];
      }
    });
  });
  const sorted = weighed.sort((a, b) => b.weight - a.weight).map(({ candidate }) => candidate);
  // What sets offers of a regime apart may have been given.
  const candidates = sorted.filter(
    (one, index) => sorted.findIndex((other) => describe(other) === describe(one)) === index,
  );
  if (candidates.length > 0) return { candidates, needs, unfit };
  if (options.length > 0) throw nothingHas(options, regimes, [...unfit, ...lacking]);
  const wanted = 'a directory or a tarball that is there, or the name of an image is wanted';
  throw new UsageError([`${wanted}: ${shown(operand ?? '')}`, ...unfit].join('; '));
}

/** What takes back more weighs more than what is here already. */
const WEIGHTS = { everything: 4, packages: 2, nothing: 0 };

function weigh(regime: Regime, offer: Offer, given: GivenOptions, local: boolean) {
  const { operands, all } = withGiven(offer, given);
  const settings = regime.configure(argumentsOf(operands, all), local);
  const { reverts } = regime.foresee?.(settings) ?? {};
  const candidate = { regime: regime.name, words: wordsOf(regime, operands, all), settings };
  return { candidate, weight: WEIGHTS[reverts ?? 'nothing'] + (offer.fetches ? 0 : 1) };
}

function readNeed(value: Bytes): Need {
  const need = NEEDS.find((one) => one === value);
  if (need) return need;
  throw new UsageError(`--need: not one of ${NEEDS.join(', ')}: ${shown(value)}`);
}

/** The capabilities of a testbed that can be asked for. */
export function strengthsOf({ revert, traits }: Testbed): Need[] {
  const { isolation, reverts } = traits;
  return [
    ...(revert ? (['revert'] as const) : []),
    ...(revert && reverts === 'everything' ? (['revert-full-system'] as const) : []),
    ...(isolation === 'none' ? [] : [`isolation-${isolation}` as const]),
  ];
}

/** A candidate as it would be typed after `regime`. */
export function describe({ words }: Candidate): string {
  return words.map(textOf).join(' ');
}
