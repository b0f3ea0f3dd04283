import { localPlace } from '../../src/place/local.ts';
import { UsageError } from '../../src/errors.ts';
import type { Arguments, Regime } from '../../src/regime.ts';

/** What a toy regime was given, as its settings. */
export interface ToySettings {
  operands: readonly string[];
  loud: boolean;
  names: readonly string[];
  last: string | undefined;
  local: boolean;
}

/** A regime from outside that keeps what the command line gave it. */
export const regime: Regime<ToySettings, null> = {
  name: 'toy',
  summary: 'a regime that is there to be parsed',
  operands: 'WORD...',
  options: [
    { name: 'loud', short: 'l', help: 'Be loud.' },
    { name: 'name', short: 'n', value: 'NAME', repeat: true, help: 'A name.' },
  ],
  configure,
  plan: () => null,
  open: () =>
    Promise.resolve({
      place: localPlace,
      traits: { isolation: 'none', ephemeral: false },
      close: () => Promise.resolve(),
    }),
  discard: () => Promise.resolve(),
};

function configure(given: Arguments, local: boolean): ToySettings {
  if (given.operands.includes('refuse')) throw new UsageError('it is refused');
  return {
    operands: given.operands,
    loud: given.flag('loud'),
    names: given.values('name'),
    last: given.value('name'),
    local,
  };
}
