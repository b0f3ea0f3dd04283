import { rmSync } from 'node:fs';

import { bufferOf, type Argv, type Bytes } from '../../src/bytes.ts';
import { asError, LeftBehind, TestbedError } from '../../src/errors.ts';
import { quietLogger, type Logger } from '../../src/log.ts';
import type { Context, Regime } from '../../src/regime.ts';
import { checkSsh } from './check.ts';
import { findHost, type Host, type HostState } from './host.ts';
import { keepTrying } from './keep-trying.ts';
import { access, type Access } from './line.ts';
import { sshOptions } from './options.ts';
import { discardRemote } from './place/discard-remote.ts';
import { farSideOf } from './place/far-side.ts';
import { sshPlace } from './place/place.ts';
import { reserve } from './reservation.ts';
import { readSettings, type SshSettings } from './settings.ts';
import { openTestbed } from './testbed.ts';

/** Where to find what a testbed left, on both sides. */
export interface SshState extends HostState {
  settings: SshSettings;
  /** The directory of the session's commands on the far side. */
  remote: Bytes;
  /** The directory of the auxverbs on this host. */
  local: Bytes;
  /** True where the caller's commands run there, and not in a testbed inside. */
  bare: boolean;
  /** Where it was left to its user: the environment of its commands. */
  kept?: { environment: Argv };
}

/** A machine that is reached by ssh. */
export const regime: Regime<SshSettings, SshState> = {
  name: 'ssh',
  summary: 'a machine behind ssh; it reverts with another regime inside',
  operands: '[USER@]HOST | -s SCRIPT [ARGUMENT]...',
  options: sshOptions,
  configure: readSettings,
  foresee: ({ reboot, revertCommand }) => ({
    root: true,
    reboot,
    ...(revertCommand !== undefined && { reverts: 'packages' }),
  }),
  check: checkSsh,
  holds(settings, { request }) {
    const { host, user } = request ?? settings.request;
    if (host === undefined) return 'a machine that its setup script makes';
    return `the machine ${user === undefined ? '' : `${user}@`}${host}`;
  },
  plan: (settings, session) => ({
    settings,
    remote: `/tmp/regime-${session.id}`,
    local: `${session.directory}/ssh`,
    note: `${session.directory}/setup`,
    knownHosts: `${session.directory}/known_hosts`,
    bare: session.bare,
  }),
  async open(settings, state, outer, context) {
    if (!outer.isHost) {
      throw new TestbedError({
        step: `the ssh regime connects from this host, not from ${outer.label}`,
        hint: 'let it stand first',
      });
    }
    const host = findHost(settings, state, outer);
    try {
      await host.make(context);
      const first = await firstAccess(host, settings, context);
      try {
        if (host.request) await context.checkpoint({ ...state, request: host.request });
      } catch (cause) {
        first.connection.close();
        throw cause;
      }
      const how = state.bare ? 'alone' : 'shared';
      return await openTestbed(host, first, state, { ...settings, reserve: how }, context);
    } catch (cause) {
      if (host.isMade) await takeAway(host, cause, context.log);
      throw cause;
    }
  },
  // The machine is still there: a session of its own on it is as good as the old one.
  async reach(settings, state, outer, context) {
    if (!state.request) return undefined;
    const { release: _, ...host } = findHost(settings, state, outer);
    const quiet = quietly(context);
    const again = { ...state, remote: againOf(state.remote), local: againOf(state.local) };
    try {
      const options = { reboot: false, timeout: settings.timeout };
      const visit: Host = { ...host, vouched: [], putBack: undefined };
      const testbed = await openTestbed(visit, await access(visit, quiet), again, options, quiet);
      await testbed.setEnvironment?.(state.kept?.environment ?? [], context);
      return testbed;
    } catch (cause) {
      // What a setup script made is taken away as a whole.
      if (!host.isMade) throw cause;
      context.log.debug(asError(cause).message);
      return undefined;
    }
  },
  async discard(state, outer, context) {
    const { settings, local, request } = state;
    const host = findHost(settings, state, outer);
    // Where there is none it has not been logged in to.
    if (request) {
      const cleared = clearUp(host, state, context);
      await (host.isMade
        ? cleared.catch((cause) => context.log.debug(asError(cause).message))
        : cleared);
    }
    if (host.isMade) await host.release?.(context);
    rmSync(bufferOf(local), { recursive: true, force: true });
  },
};

/** Milliseconds that a setup script may take to take away what it made when all else has failed. */
const LAST_RESORT = 600_000;

/** What a reaper or a shell makes has a name of its own: several may be there at once. */
function againOf(path: Bytes): Bytes {
  return `${path}-again-${process.pid}`;
}

/** What can't be had on a host was said at its open. */
function quietly(context: Context): Context {
  return { ...context, log: quietLogger(context.log) };
}

/** Who was just made may need a while. */
async function firstAccess(
  host: Host,
  { timeout, waits }: SshSettings,
  context: Context,
): Promise<Access> {
  if (!host.isMade && !waits) return access(host, context);
  const attempt = (signal: AbortSignal) => access(host, { ...context, signal });
  try {
    return await keepTrying({ step: 'the host does not answer', attempt, timeout }, context);
  } catch (cause) {
    const lines = (await host.debugFailure?.()) ?? '';
    for (const line of lines.split('\n').filter(Boolean)) context.log.warn(line);
    throw cause;
  }
}

/** A testbed could not be made of it. @throws LeftBehind where it fails */
async function takeAway(host: Host, failure: unknown, log: Logger): Promise<void> {
  try {
    await host.release?.({ signal: AbortSignal.timeout(LAST_RESORT), log });
  } catch (cause) {
    throw new LeftBehind(failure, asError(cause));
  }
}

/** Ends what a dead server left on a host, and puts it back where that is asked for. */
async function clearUp(host: Host, { remote }: SshState, context: Context): Promise<void> {
  const { connection, become } = await access(host, quietly(context));
  try {
    const far = farSideOf(connection, become);
    await discardRemote(far, remote);
    if (host.isMade || !host.release) return;
    // It may be somebody else's by now.
    await reserve(sshPlace(far, []), 'alone', { ...context, wait: 0 });
    await host.release(context);
  } finally {
    connection.close();
  }
}
