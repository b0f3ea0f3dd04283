// What somebody writes who makes a regime of his own; install.test.ts checks it against the package.
import type { Regime } from 'regime';

export const regime: Regime<undefined, { name: string }> = {
  name: 'mine',
  summary: 'the outer Place under another name',
  operands: '',
  options: [],
  configure: () => undefined,
  plan: (_settings, session) => ({ name: session.id }),
  open: (_settings, _state, outer) =>
    Promise.resolve({
      place: outer,
      traits: { isolation: 'none', ephemeral: false },
      close: () => Promise.resolve(),
    }),
  discard: () => Promise.resolve(),
};
