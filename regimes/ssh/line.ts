import type { Argv, Bytes } from '../../src/bytes.ts';
import type { Place } from '../../src/place/place.ts';
import type { Context } from '../../src/regime.ts';
import type { Connection } from './connection/channel.ts';
import type { Host, HostContext } from './host.ts';
import { becomeRoot, type Identity } from './place/become-root.ts';
import { discardRemote } from './place/discard-remote.ts';
import { farSideOf, type FarSide } from './place/far-side.ts';
import { startKeeper, type Keeper } from './place/keeper.ts';
import { sshPlace } from './place/place.ts';
import { reserve, type Reservation } from './reservation.ts';

/** A connection on which we know who we are. */
export interface Access extends Identity {
  readonly connection: Connection;
}

/** What a session has of one connection. */
export interface Line extends Access {
  readonly far: FarSide;
  readonly keeper: Keeper;
  readonly place: Place;
  /** Ends what runs on the far side, and removes what is there of the session. */
  clear(): Promise<void>;
  /** Lets what runs on the far side outlive us, and keeps the host reserved for it. @throws TestbedError */
  keep(): Promise<void>;
  /** Leaves the host to others. */
  close(): Promise<void>;
}

export interface LineOptions {
  /** The directory of the session's commands on the far side. */
  remote: Bytes;
  /** What a process of this host puts before a command. */
  prefix: Argv;
  /** How the host is reserved; left out: not at all. */
  reserve?: 'alone' | 'shared';
}

/** Wrappers that are kept ready. */
const STANDBY = 3;

/** Logs in to a host. @throws TestbedError */
export async function access(host: Host, context: HostContext): Promise<Access> {
  const { connection, passwords } = await host.logIn(context);
  try {
    return { connection, ...(await becomeRoot(connection, passwords, context)) };
  } catch (cause) {
    connection.close();
    throw cause;
  }
}

/**
 * Prepares a connection for a session: waits until the host is not in use by somebody else.
 * @throws TestbedError; the connection is closed then
 */
export async function openLine(
  given: Access,
  { remote, prefix, ...options }: LineOptions,
  context: Context,
): Promise<Line> {
  const { connection, become } = given;
  const far = farSideOf(connection, become);
  let reservation: Reservation | undefined;
  try {
    if (options.reserve) reservation = await reserve(sshPlace(far, []), options.reserve, context);
    far.standBy(STANDBY);
    far.directory = remote;
    const keeper = await startKeeper(far, context);
    return {
      ...given,
      far,
      keeper,
      place: sshPlace(far, prefix),
      async clear() {
        far.standBy(0);
        keeper.stop();
        // What is still to be done there is not a session's.
        far.directory = '';
        await discardRemote(far, remote);
      },
      async keep() {
        far.standBy(0);
        await reservation?.keep(remote);
        await keeper.keep();
        connection.close();
      },
      async close() {
        await reservation?.release();
        connection.close();
      },
    };
  } catch (cause) {
    connection.close();
    throw cause;
  }
}
