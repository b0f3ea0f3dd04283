import type { Bytes } from '../../src/bytes.ts';
import { shown, UsageError } from '../../src/errors.ts';
import { checkPerl } from '../../src/place/programs.ts';
import { readScript } from '../../src/place/script.ts';
import { startMonitor } from '../../src/place/monitor.ts';
import type { Regime, Traits } from '../../src/regime.ts';

type Nothing = Record<string, never>;

const traits: Traits = { isolation: 'none', ephemeral: false };

/** The outer Place itself, as it is. Nothing is made, nothing reverts, and it is never locked. */
export const regime: Regime<Nothing, Nothing> = {
  name: 'null',
  summary: 'this host itself; nothing reverts',
  operands: '',
  options: [],
  passesThrough: true,
  configure(given) {
    if (given.operands.length > 0)
      throw new UsageError(`it takes no operand: ${shown(given.operands[0] ?? '')}`);
    return {};
  },
  holds: () => 'the host itself',
  foresee: () => ({ root: process.geteuid?.() === 0 }),
  // As it is here, and nothing else.
  offers: (operand) => (operand === undefined ? [{ operands: [] }] : []),
  check: async (outer, { signal }) => [await checkPerl(outer, signal, 'limited')],
  plan: () => ({}),
  async open(_settings, _state, outer, { log }) {
    const monitor = startMonitor(outer, [], {
      monitor: script('null-monitor'),
      auxverb: script('null-auxverb'),
    });
    // Without perl env(1) does: then exit statuses are as they come, and nothing ends with the session.
    const prefix = await monitor.ask(['start']).catch((cause: unknown) => {
      log.debug(`auxverbs are run by env: ${String(cause)}`);
      return ['env'];
    });
    const end = async () => {
      monitor.drop();
      await monitor.ended;
    };
    return {
      place: { ...outer, prefix: [...outer.prefix, ...prefix] },
      traits,
      keep: end,
      close: end,
    };
  },
  reach: (_settings, _state, outer) =>
    Promise.resolve({ place: outer, traits, close: () => Promise.resolve() }),
  discard: () => Promise.resolve(),
};

function script(name: string): Bytes {
  return readScript(`${name}.pl`, import.meta.url);
}
