import {
  serveAuxverbs,
  type AuxverbCommand,
  type AuxverbRequest,
} from '../../src/auxverb/server.ts';
import type { Bytes } from '../../src/bytes.ts';
import type { Context, Testbed } from '../../src/regime.ts';
import type { Connection } from './connection/channel.ts';
import { becomeRoot } from './place/become-root.ts';
import { discardRemote } from './place/discard-remote.ts';
import { endRemote } from './place/end-remote.ts';
import { statusOf } from './place/ending.ts';
import { startKeeper, type Keeper } from './place/keeper.ts';
import { sshPlace } from './place/place.ts';
import { farSideOf, type FarSide } from './place/far-side.ts';
import { startRemote } from './place/remote-command.ts';

/** Where things are that belong to a session. */
export interface Places {
  /** The directory of the session's commands on the far side. */
  remote: Bytes;
  /** The directory of the auxverbs on this host. */
  local: Bytes;
}

/** Wrappers that are kept ready. */
const STANDBY = 3;

/** Makes a testbed of a connection that has been logged in. */
export async function openTestbed(
  connection: Connection,
  password: () => Promise<Bytes | undefined>,
  { remote, local }: Places,
  context: Context,
): Promise<Testbed> {
  const { become, login } = await becomeRoot(connection, password, context);
  const far = farSideOf(connection, become);
  far.standBy(STANDBY);
  far.directory = remote;
  const keeper = await startKeeper(far, context);
  const auxverbs = await serveAuxverbs(local, (request) => startAuxverb(far, request, keeper));
  return {
    place: sshPlace(far, auxverbs.prefix),
    traits: {
      isolation: 'none',
      ephemeral: false,
      ...(become.by === 'sudo' && { normalUser: login }),
    },
    setEnvironment(variables) {
      far.environment = variables;
      return Promise.resolve();
    },
    async close() {
      auxverbs.close();
      far.standBy(0);
      keeper.stop();
      await discardRemote(far, [remote]).finally(() => connection.close());
    },
  };
}

async function startAuxverb(
  far: FarSide,
  { argv, terminal }: AuxverbRequest,
  keeper: Keeper,
): Promise<AuxverbCommand> {
  const remote = await startRemote(far, argv, { ...(terminal && { terminal }) });
  const { stdin, stdout, stderr } = remote;
  let over = false;
  const ended = remote.ended.then((ending) => {
    over = true;
    keeper.forget(remote.key);
    return statusOf(ending, far.connection.label);
  });
  return {
    ...{ stdin, stdout, stderr, ended },
    resize: (rows, columns) => remote.resize(rows, columns),
    end() {
      if (!over) void endRemote(far, remote);
    },
  };
}
