import { rmSync } from 'node:fs';

import { bufferOf, type Bytes } from '../../src/bytes.ts';
import { TestbedError } from '../../src/errors.ts';
import type { Context, Regime } from '../../src/regime.ts';
import { connect } from './connection/connect.ts';
import type { Connection } from './connection/channel.ts';
import { resolveTarget } from './connection/resolve.ts';
import { sshOptions } from './options.ts';
import { becomeRoot } from './place/become-root.ts';
import { discardRemote } from './place/discard-remote.ts';
import { farSideOf } from './place/far-side.ts';
import { passwordOf, readSettings, type SshSettings } from './settings.ts';
import { openTestbed } from './testbed.ts';

/** Where to find what a testbed left, on both sides. */
export interface SshState {
  settings: SshSettings;
  /** The directory of the session's commands on the far side. */
  remote: Bytes;
  /** The directory of the auxverbs on this host. */
  local: Bytes;
}

/** A machine that is reached by ssh. */
export const regime: Regime<SshSettings, SshState> = {
  name: 'ssh',
  summary: 'a machine behind ssh; it reverts with another regime inside',
  operands: '[USER@]HOST',
  options: sshOptions,
  configure: readSettings,
  foresee: () => ({ root: true }),
  plan: (settings, session) => ({
    settings,
    remote: `/tmp/regime-${session.id}`,
    local: `${session.directory}/ssh`,
  }),
  async open(settings, state, outer, context) {
    if (!outer.isHost) {
      throw new TestbedError({
        step: `the ssh regime connects from this host, not from ${outer.label}`,
        hint: 'let it stand first',
      });
    }
    const connection = await logIn(settings, context);
    try {
      return await openTestbed(connection, () => passwordOf(settings), state, context);
    } catch (cause) {
      connection.close();
      throw cause;
    }
  },
  // The machine is still there: a session of its own on it is as good as the old one.
  reach: (settings, state, outer, context) =>
    regime.open(settings, { ...state, remote: `${state.remote}-again` }, outer, context),
  async discard({ settings, remote, local }, _outer, context) {
    const connection = await logIn(settings, context);
    try {
      const { become } = await becomeRoot(connection, () => passwordOf(settings), context);
      await discardRemote(farSideOf(connection, become), [remote, `${remote}-again`]);
    } finally {
      connection.close();
    }
    rmSync(bufferOf(local), { recursive: true, force: true });
  },
};

async function logIn(settings: SshSettings, context: Context): Promise<Connection> {
  const { host, ...request } = settings.request;
  if (host === undefined) throw new TestbedError({ step: 'no host is named' });
  const password = await passwordOf(settings);
  const surroundings = {
    log: context.log,
    ...(password !== undefined && { password: () => Promise.resolve(password) }),
  };
  return connect(await resolveTarget({ ...request, host }, surroundings), context);
}
