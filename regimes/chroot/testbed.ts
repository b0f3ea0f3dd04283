import { abortOf } from '../../src/abort.ts';
import { textOf, type Argv, type Bytes } from '../../src/bytes.ts';
import { shown, TestbedError } from '../../src/errors.ts';
import { followed, type Advance } from '../../src/log.ts';
import type { Place } from '../../src/place/place.ts';
import type { Monitor } from '../../src/place/monitor.ts';
import { prefixedPlace } from '../../src/place/prefixed.ts';
import { waitForOthers } from '../../src/place/reservation.ts';
import type { Context, Testbed, Traits } from '../../src/regime.ts';
import type { ChrootState } from './index.ts';
import type { ChrootSettings } from './settings.ts';

/** Seconds between signs of life to a monitor on another machine, and until it gives up on us. */
const BEAT = 10;
const PATIENCE = 45;

/** Milliseconds that may be spent on what is known of a failure. */
const DESCRIBE_LIMIT = 10_000;

/** Milliseconds that taking a testbed away may take: its changes may be a million files. */
const CLOSE_LIMIT = 600_000;

/** Asks a monitor for a testbed and wraps what it says. */
export async function openTestbed(
  monitor: Monitor,
  settings: ChrootSettings,
  state: ChrootState,
  outer: Place,
  context: Context,
): Promise<Testbed> {
  const { log } = context;
  const label = `the chroot testbed over ${settings.source}`;
  const remote = !outer.isHost;
  // A connection that is lost without a word leaves the lifeline open: heartbeats tell.
  const beat = remote ? setInterval(() => monitor.tell('beat'), BEAT * 1000).unref() : undefined;
  void monitor.ended.then(() => clearInterval(beat));

  const lower = await lowerTree(monitor, settings, context);
  const words = startWords(settings, state, lower, remote);
  const waiting = waitForOthers(context, settings.source);
  const [rights, notice, ...auxverb] = await monitor
    .ask(['start', ...words], waiting)
    .finally(waiting.end);
  if (notice) log.warn(notice);
  const traits = traitsOf(settings, rights ?? '');
  // The descriptors of a monitor that runs as root are only root's to open.
  const placeBehind = (words: Argv) =>
    prefixedPlace(label, [...settings.gainRoot, ...words], outer);
  let current: Argv = auxverb;
  const testbed: Testbed & { place: Place } = {
    place: placeBehind(current),
    traits,
    async setEnvironment(variables: Argv, context: Context) {
      await monitor.ask(['environment', ...variables], context);
    },
    async keep(context: Context) {
      const [pid] = await monitor.ask(['who'], context);
      await context.checkpoint({ ...state, kept: { pid: Number(pid), auxverb: current } });
      await monitor.ask(['keep'], context);
      monitor.release();
    },
    ...(state.share !== undefined && {
      share: state.base === '' ? {} : { host: `${state.base}/share` },
    }),
    async debugFailure() {
      const [text = ''] = await monitor.ask(['describe'], {
        signal: AbortSignal.timeout(DESCRIBE_LIMIT),
      });
      return textOf(text);
    },
    async close() {
      // Without an answer in time the lifeline's end has to do; a reaper looks whether it did.
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(), CLOSE_LIMIT);
      const { signal } = patience;
      await monitor.ask(['end'], { signal }).catch(() => monitor.drop());
      await Promise.race([monitor.ended, abortOf(signal)]);
      clearTimeout(timer);
      if (!signal.aborted) return;
      throw new TestbedError({ step: `${label} is still being taken away`, status: 'time is up' });
    },
  };
  if (!traits.reverts) return testbed;
  return Object.assign(testbed, {
    async revert(context: Context) {
      current = await monitor.ask(['revert'], context);
      testbed.place = placeBehind(current);
    },
  });
}

async function lowerTree(
  monitor: Monitor,
  { kind, source }: ChrootSettings,
  { signal, log }: Context,
): Promise<Bytes> {
  if (kind === 'directory') return source;
  let advance: Advance = {};
  const onWait = (said: Bytes) => {
    const [, done, total] = /^(\d+)(?: of (\d+))?$/.exec(said) ?? [];
    advance = done
      ? { done: Number(done), ...(total && { total: Number(total) }) }
      : { stage: shown(said) };
  };
  const unpack = () => monitor.ask(['unpack', source], { signal, onWait });
  const [tree = ''] = await followed(log, `unpacking ${shown(source)}`, () => advance, unpack);
  return tree;
}

/** The words of the monitor's `start` request; each value is what monitor.pl calls it. */
function startWords(
  settings: ChrootSettings,
  state: ChrootState,
  lower: Bytes,
  remote: boolean,
): Bytes[] {
  const { keep, inPlace, net, binds, size, pids, memory, privileged, personality } = settings;
  const optional = { size, pids, memory, personality, heartbeat: remote ? PATIENCE : undefined };
  return [
    `name=${state.name}`,
    `base=${state.base}`,
    `lower=${lower}`,
    `source=${settings.source}`,
    `net=${net}`,
    ...(inPlace ? ['in_place=1'] : []),
    ...(privileged ? ['privileged=1'] : []),
    ...keep.map((path) => `keep=${path}`),
    ...(state.share === undefined ? [] : [`share=${state.share}`]),
    ...state.hidden.map((path) => `hidden=${path}`),
    ...binds.map(
      ({ readonly, source, target }) =>
        `bind=${readonly ? 'ro' : 'rw'}:${escapeColons(source)}:${escapeColons(target)}`,
    ),
    ...Object.entries(optional).flatMap(([key, value]) =>
      value === undefined ? [] : [`${key}=${value}`],
    ),
  ];
}

function escapeColons(path: Bytes): Bytes {
  return path.replaceAll('%', '%25').replaceAll(':', '%3A');
}

/**
 * What the testbed is.
 * @param rights what the monitor says of root there: `full`, or why it is less
 */
function traitsOf(settings: ChrootSettings, rights: string): Traits {
  const { inPlace, keep, privileged, net } = settings;
  const traits: Traits = { isolation: 'none', ephemeral: !inPlace };
  // Root with all capabilities could change the host's network, and we could not change it back.
  const partial = keep.length > 0 || (privileged && net === 'host');
  if (!inPlace) traits.reverts = partial ? 'packages' : 'everything';
  if (rights !== 'full') traits.limitedRoot = rights;
  return traits;
}
