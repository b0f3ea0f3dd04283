import {
  serveAuxverbs,
  type AuxverbCommand,
  type AuxverbRequest,
} from '../../src/auxverb/server.ts';
import type { Argv } from '../../src/bytes.ts';
import { asError } from '../../src/errors.ts';
import type { Context, Testbed, Traits } from '../../src/regime.ts';
import type { Host } from './host.ts';
import type { SshState } from './index.ts';
import { keepTrying } from './keep-trying.ts';
import { access, openLine, type Access, type Line } from './line.ts';
import { discardRemote } from './place/discard-remote.ts';
import { endRemote } from './place/end-remote.ts';
import { statusOf } from './place/ending.ts';
import { farSideOf } from './place/far-side.ts';
import { sshPlace } from './place/place.ts';
import { startRemote } from './place/remote-command.ts';
import { bootMark, rebootMachine, type Machine } from './reboot.ts';

export interface TestbedOptions {
  /** True where the user says that the host may be rebooted. */
  reboot: boolean;
  /** Milliseconds that it may take to come up. */
  timeout: number;
  /** How it is reserved; left out: not at all. */
  reserve?: 'alone' | 'shared';
}

/**
 * Makes a testbed of a host that has been logged in to.
 * @throws TestbedError; the connection is closed then
 */
export async function openTestbed(
  host: Host,
  first: Access,
  state: SshState,
  { reboot, timeout, reserve }: TestbedOptions,
  context: Context,
): Promise<Testbed> {
  const auxverbs = await serveAuxverbs(state.local, (request) => startAuxverb(line, request));
  const { remote } = state;
  const lineOptions = { remote, prefix: auxverbs.prefix, ...(reserve && { reserve }) };
  let environment: Argv = [];
  let line: Line;
  try {
    line = await openLine(first, lineOptions, context);
  } catch (cause) {
    auxverbs.close();
    throw cause;
  }
  const { label } = line.connection;

  /** A host that does not answer any more has to be put back all the same. */
  const clear = () =>
    line.clear().catch((cause: unknown) => context.log.debug(asError(cause).message));

  /** Goes on with another connection, after the host has been away. */
  const goOn = async (given: Access, goingOn: Context) => {
    line.far.standBy(0);
    line.keeper.stop();
    line.connection.close();
    // What the disk has kept of the time before.
    await discardRemote(farSideOf(given.connection, given.become), remote);
    line = await openLine(given, lineOptions, goingOn);
    line.far.environment = environment;
  };

  const machine = (rebooting: Context): Machine => ({
    get place() {
      return line.place;
    },
    get lost() {
      return line.connection.lost;
    },
    async approach(signal) {
      const given = await access(host, { ...rebooting, signal });
      return {
        place: sshPlace(farSideOf(given.connection, given.become), []),
        adopt: () => goOn(given, rebooting),
        drop: () => given.connection.close(),
      };
    },
  });

  const words = host.vouched;
  const { putBack, debugFailure } = host;
  const canReboot = (reboot || words.includes('reboot')) && mayReboot(line, context);
  let mark = '';
  try {
    if (canReboot) mark = await bootMark(line.place, context.signal);
  } catch (cause) {
    auxverbs.close();
    await clear();
    line.connection.close();
    throw cause;
  }

  return {
    get place() {
      return line.place;
    },
    get traits() {
      return traitsOf(line, host);
    },
    setEnvironment(variables) {
      environment = variables;
      line.far.environment = variables;
      return Promise.resolve();
    },
    ...(putBack && {
      async revert(reverting: Context) {
        await clear();
        await putBack(reverting);
        if (host.request) await reverting.checkpoint({ ...state, request: host.request });
        const step = `${label} does not answer after it was put back`;
        const attempt = (signal: AbortSignal) => access(host, { ...reverting, signal });
        await goOn(await keepTrying({ step, attempt, timeout }, reverting), reverting);
        if (canReboot) mark = await bootMark(line.place, reverting.signal);
      },
    }),
    ...(canReboot && {
      async reboot(rebooting: Context, prepareOnly: boolean) {
        const { waitReboot: wait } = host;
        const options = { before: mark, prepareOnly, timeout, ...(wait && { wait }) };
        mark = await rebootMachine(machine(rebooting), options, rebooting);
      },
    }),
    ...(debugFailure && { debugFailure }),
    async keep(keeping) {
      const { request } = host;
      await keeping.checkpoint({ ...state, ...(request && { request }), kept: { environment } });
      await line.keep();
      auxverbs.close();
    },
    async close(closing) {
      auxverbs.close();
      if (host.release) {
        await clear();
        await host.release(closing).finally(() => line.connection.close());
      } else {
        await line.clear().finally(() => line.close());
      }
    },
  };
}

function mayReboot({ keeper }: Line, { log }: Context): boolean {
  if (keeper.uid === 0) return true;
  log.warn('reboot is not advertised: it takes root');
  return false;
}

/** Words that a testbed shows by what it is and has. */
const SHOWN = /^(revert|revert-full-system|reboot|root-on-testbed|isolation-.*)$/;

function traitsOf({ become, login }: Line, { vouched, putBack }: Host): Traits {
  const isolation = /^isolation-(container|machine)$/;
  const [, kind = 'none'] =
    vouched.map((word) => isolation.exec(word)).find((found) => found) ?? [];
  return {
    isolation: kind === 'machine' || kind === 'container' ? kind : 'none',
    ephemeral: false,
    ...(become.by === 'sudo' && { normalUser: login }),
    ...(putBack && { reverts: vouched.includes('revert-full-system') ? 'everything' : 'packages' }),
    vouched: vouched.filter((word) => !SHOWN.test(word)),
  };
}

async function startAuxverb(
  { far, keeper }: Line,
  { argv, terminal }: AuxverbRequest,
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
