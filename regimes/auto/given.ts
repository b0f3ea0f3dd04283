import type { Argv, Bytes } from '../../src/bytes.ts';
import { UsageError } from '../../src/errors.ts';
import type { Arguments, Offer, OptionSpec, Regime } from '../../src/regime.ts';

/** Options of other regimes as they were given, in the order of their specs; a switch has no value. */
export type GivenOptions = readonly (readonly [name: string, value: Bytes])[];

/** The options of all regimes that may be taken, each name once. */
export function optionsOf(regimes: readonly Regime[]): OptionSpec[] {
  const all = regimes.flatMap(({ offers, options }) => (offers ? options : []));
  return [...new Map(all.map((option) => [option.name, option])).values()];
}

/** Those of them that a command line has. */
export function givenOf(specs: readonly OptionSpec[], { flag, values }: Arguments): GivenOptions {
  return specs.flatMap(({ name, value }) => {
    if (value === undefined) return flag(name) ? [[name, ''] as const] : [];
    return values(name).map((each) => [name, each] as const);
  });
}

/** The first of the options that a regime has not. */
export function lackingOption({ options }: Regime, given: GivenOptions): string | undefined {
  return given.find(([name]) => options.every((own) => own.name !== name))?.[0];
}

/** To be thrown where options leave nothing to try. */
export function nothingHas(
  given: GivenOptions,
  regimes: readonly Regime[],
  unfit: readonly string[],
): UsageError {
  const owners = [...new Set(given.map(([name]) => name))].map((wanted) => {
    const has = regimes.filter((one) => one.offers && !lackingOption(one, [[wanted, '']]));
    return `--${wanted} is an option of ${has.map(({ name }) => name).join(', ')}`;
  });
  return new UsageError(['nothing suits', ...unfit, ...owners].join('; '));
}

/** An offer with options that were given: they go before its own of the same name. */
export function withGiven(
  offer: Offer,
  given: GivenOptions,
): { operands: Argv; all: GivenOptions } {
  const own = Object.entries(offer.options ?? {});
  const free = own.filter(([name]) => given.every(([other]) => other !== name));
  return { operands: offer.operands, all: [...free, ...given] };
}

/** The same as if somebody had typed it. */
export function argumentsOf(operands: Argv, all: GivenOptions): Arguments {
  const values = (wanted: string) =>
    all.flatMap(([name, value]) => (name === wanted ? [value] : []));
  return {
    operands,
    flag: (wanted) => values(wanted).length > 0,
    value: (wanted) => values(wanted).at(-1),
    values,
  };
}

/** The words of it, to be shown. */
export function wordsOf(regime: Regime, operands: Argv, all: GivenOptions): Argv {
  const isSwitch = (wanted: string) =>
    regime.options.some(({ name, value }) => name === wanted && value === undefined);
  const options = all.map(([name, value]) => (isSwitch(name) ? `--${name}` : `--${name}=${value}`));
  return [regime.name, ...options, ...operands];
}
