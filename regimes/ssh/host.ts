import { rmSync } from 'node:fs';

import { anyOf } from '../../src/abort.ts';
import { bufferOf, textOf, type Argv, type Bytes } from '../../src/bytes.ts';
import { TestbedError } from '../../src/errors.ts';
import type { Place } from '../../src/place/place.ts';
import type { Context } from '../../src/regime.ts';
import type { Connection } from './connection/channel.ts';
import { connect } from './connection/connect.ts';
import { passwords } from './connection/passwords.ts';
import { resolveTarget } from './connection/resolve.ts';
import type { Request } from './connection/target.ts';
import { runRevertCommand } from './revert-command.ts';
import { passwordOf, type SshSettings } from './settings.ts';
import { capabilityWords, type SetupAnswer } from './setup/answer.ts';
import { requestOf } from './setup/request.ts';
import { useSetupScript } from './setup/script.ts';

export type HostContext = Pick<Context, 'signal' | 'log' | 'unattended'>;

/** A connection to a host that has let us in. */
export interface LoggedIn {
  connection: Connection;
  /** Passwords for sudo: the next one where the last was wrong. */
  passwords(): AsyncIterable<Bytes>;
}

/** A host: one that is there, or one that a setup script makes. */
export interface Host {
  /** How it is reached; undefined as long as it has not been made. */
  readonly request: Request | undefined;
  /** What the setup script vouches for, as words of `capabilities`. */
  readonly vouched: Argv;
  /** True where it was made for us, so that it may need a while until it answers. */
  readonly isMade: boolean;
  /** Has it made where a setup script does that. */
  make(context: HostContext): Promise<void>;
  /** @throws TestbedError */
  logIn(context: HostContext): Promise<LoggedIn>;
  /** Puts it back to what it was, where there is a way. It may be reached in another way after that. */
  readonly putBack: ((context: HostContext) => Promise<void>) | undefined;
  /** True where somebody else has waited for a reboot. */
  waitReboot?(context: HostContext): Promise<boolean>;
  debugFailure?(): Promise<string>;
  /** Puts it back, or takes it away, for good. Nothing can be done there any more. Idempotent. */
  release?(context: HostContext): Promise<void>;
}

/** Where to find a host again. */
export interface HostState {
  /** How it was reached, once it was. */
  request?: Request;
  /** Files of this host that belong to a setup script: see `useSetupScript`, and the keys of its hosts. */
  note: Bytes;
  knownHosts: Bytes;
}

/** @param here the Place that connects, and runs the user's commands */
export function findHost(settings: SshSettings, state: HostState, here: Place): Host {
  return settings.setupScript ? madeHost(settings, state, here) : givenHost(settings, here);
}

function givenHost(settings: SshSettings, here: Place): Host {
  const { request, revertCommand } = settings;
  const { host } = request;
  const password = () => passwordOf(settings);
  const answers = new Map<string, Bytes>();
  const found: Request | undefined = host === undefined ? undefined : { ...request, host };
  const putBack = (context: HostContext) => runRevertCommand(revertCommand ?? '', here, context);
  return {
    request: found,
    vouched: [],
    isMade: false,
    make: () => Promise.resolve(),
    logIn: (context) => logIn(found, { password, answers }, context),
    putBack: revertCommand === undefined ? undefined : putBack,
    ...(revertCommand !== undefined && { release: putBack }),
  };
}

function madeHost(settings: SshSettings, state: HostState, here: Place): Host {
  const { setupScript = { program: '', args: [] }, revertCommand } = settings;
  const { program: path, ...rest } = setupScript;
  const script = { path, ...rest };
  const setup = useSetupScript(script, state.note, here);
  let answer: SetupAnswer = {};
  let { request } = state;
  const make = async (command: 'open' | 'revert', context: HostContext) => {
    // A host that was made anew has another key, though perhaps the same address.
    rmSync(bufferOf(state.knownHosts), { force: true });
    answer = await setup.make(command, context);
    request = requestOf(settings.request, answer, textOf(state.knownHosts));
  };
  const answers = new Map<string, Bytes>();
  const password = async () => (await passwordOf(settings)) ?? answer.password;
  const putBack = (context: HostContext) =>
    revertCommand === undefined
      ? make('revert', context)
      : runRevertCommand(revertCommand, here, context);
  return {
    get request() {
      return request;
    },
    get vouched() {
      return capabilityWords(answer);
    },
    isMade: true,
    make: (context) => make('open', context),
    logIn: (context) => logIn(request, { password, answers }, context),
    get putBack() {
      const can = revertCommand !== undefined || capabilityWords(answer).some(meansRevert);
      return can ? putBack : undefined;
    },
    waitReboot: (context) => setup.waitReboot(context),
    debugFailure: () => setup.debugFailure(),
    release: (context) => setup.cleanUp(context),
  };
}

function meansRevert(word: Bytes): boolean {
  return word === 'revert' || word === 'revert-full-system';
}

/** Milliseconds in which somebody has to say the password for sudo; without it there is no root. */
const PATIENCE = 120_000;

interface Secrets {
  /** What was given. */
  password(): Promise<Bytes | undefined>;
  /** What was answered before. */
  answers: Map<string, Bytes>;
}

async function logIn(
  request: Request | undefined,
  { password, answers }: Secrets,
  context: HostContext,
): Promise<LoggedIn> {
  if (!request) throw new TestbedError({ step: 'the setup script has made no host' });
  const secret = await password();
  const { log, unattended = false } = context;
  const target = await resolveTarget(request, {
    log,
    answers,
    unattended,
    ...(secret !== undefined && { password: () => Promise.resolve(secret) }),
  });
  return {
    connection: await connect(target, context),
    passwords() {
      const limit = anyOf(context.signal, AbortSignal.timeout(PATIENCE));
      return passwords(target, 'sudo', limit);
    },
  };
}
