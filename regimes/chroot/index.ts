import type { Bytes } from '../../src/bytes.ts';
import { shown, TestbedError } from '../../src/errors.ts';
import type { Monitor } from '../../src/place/monitor.ts';
import type { Place } from '../../src/place/place.ts';
import type { Regime, Testbed } from '../../src/regime.ts';
import { checkChroot } from './check.ts';
import { endKept, reachKept, type Kept } from './keep.ts';
import { startChrootMonitor } from './monitor.ts';
import { chrootOptions } from './options.ts';
import { offersFor, readSettings, type ChrootSettings } from './settings.ts';
import { openTestbed } from './testbed.ts';

/** Where to find what a testbed left: its name, and the directory that holds its changes. */
export interface ChrootState {
  name: string;
  /** Empty where the outer Place is not this host: its monitor derives it from the name. */
  base: Bytes;
  /** The session directories of this user, which a testbed of the host itself must not see. */
  hidden: Bytes[];
  gainRoot: string[];
  /** Where in the testbed a directory is shown that outlives revert. */
  share?: Bytes;
  /** Where it was left to its user: the monitor that goes on without a server, and the way in. */
  kept?: Kept;
}

/**
 * A directory, a tarball or the outer Place itself under an overlay, in namespaces of its own. The
 * work is done on the outer Place by a monitor (monitor.pl), which lives as long as its lifeline.
 */
export const regime: Regime<ChrootSettings, ChrootState> = {
  name: 'chroot',
  summary: 'a directory, a tarball or the host itself under an overlay that is thrown away',
  operands: 'DIR | TARBALL | /',
  options: chrootOptions,
  configure: readSettings,
  foresee: ({ inPlace, gainRoot, keep, privileged, net }) => ({
    root: process.geteuid?.() === 0 || gainRoot.length > 0,
    ...(!inPlace && {
      reverts: keep.length > 0 || (privileged && net === 'host') ? 'packages' : 'everything',
    }),
  }),
  offers: offersFor,
  check: (outer, context) => checkChroot(regime, outer, context),
  plan: (settings, session) => ({
    name: `regime-${session.id}`,
    base: session.local ? `${session.directory}/chroot` : '',
    hidden: session.local ? [session.repository] : [],
    gainRoot: [...settings.gainRoot],
    // In a tree that is worked in directly there would be a mount point left of it.
    ...(session.share !== undefined && !settings.inPlace && { share: session.share }),
  }),
  holds: ({ inPlace, source }) => `${inPlace ? 'the tree' : 'an overlay over'} ${shown(source)}`,
  async open(settings, state, outer, context): Promise<Testbed> {
    const monitor = startChrootMonitor(outer, settings.gainRoot, state.name);
    const stop = () => monitor.drop(true);
    context.signal.addEventListener('abort', stop, { once: true });
    try {
      return await openTestbed(monitor, settings, state, outer, context);
    } catch (cause) {
      // The monitor takes away what it had made; nobody must meet it half gone.
      monitor.drop();
      await monitor.ended;
      context.signal.throwIfAborted();
      throw cause;
    } finally {
      context.signal.removeEventListener('abort', stop);
    }
  },
  async reach(settings, state, outer, context) {
    const kept = await reachKept(settings, state, outer, context.signal);
    if (kept) return kept;
    // Under an overlay all has gone; a tree that was worked in directly is still there.
    return settings.inPlace ? regime.open(settings, state, outer, context) : undefined;
  },
  async discard(state, outer, { signal }) {
    const { name, base, gainRoot } = state;
    await endKept(state, outer, signal);
    const monitor = startChrootMonitor(outer, gainRoot);
    try {
      await waitForMonitor(monitor, outer, name, signal);
      await monitor.ask(['remove', base, name]);
    } finally {
      monitor.drop();
      await monitor.ended;
    }
  },
};

/**
 * A server that was killed leaves a monitor which is still taking its testbed away. Removing under
 * its feet would do no harm, but the mounts go only with its processes.
 */
async function waitForMonitor(
  monitor: Monitor,
  outer: Place,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const [left = ''] = await monitor.ask(['await-monitor', name], { signal });
  if (left) {
    throw new TestbedError({
      step: `the testbed ${name} on ${outer.label} still has a monitor`,
      status: `process ${left}`,
    });
  }
}
