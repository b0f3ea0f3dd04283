import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

import { bufferOf, textOf, type Argv, type Bytes } from '../../src/bytes.ts';
import { shown, UsageError } from '../../src/errors.ts';
import type { Arguments } from '../../src/regime.ts';
import { readHost } from './connection/host-words.ts';
import { readOption, readPort } from './connection/keywords.ts';
import type { Request } from './connection/target.ts';
import { findSetupScript } from './setup/find.ts';
import { readSshWords } from './ssh-words.ts';

/** The command line of the ssh regime, checked. As JSON it holds no secrets. */
export interface SshSettings {
  /** What was said of the host, by itself or to complete what a setup script says. */
  request: Partial<Request>;
  /** The password of the user there. A function, so that it is in no record. */
  password?: () => Promise<Bytes>;
  /** The file that it is in, for who has nothing but the record. */
  passwordFile?: string;
  /** A program that makes the host, its arguments, and the user that was named to log in as. */
  setupScript?: { program: Bytes; args: Argv; login?: Bytes };
  /** For this host's shell. */
  revertCommand?: Bytes;
  reboot: boolean;
  /** Milliseconds that a host may take to come up. */
  timeout: number;
  /** True where that also counts for a host that nobody has just made. */
  waits: boolean;
}

const DEFAULT_TIMEOUT = 300_000;

/** Checks the words of a command line. @throws UsageError */
export function readSettings(given: Arguments, local: boolean): SshSettings {
  const script = given.value('setup-script');
  const operands = [...given.operands];
  const host = given.value('hostname') ?? (script === undefined ? operands.shift() : undefined);
  if (script === undefined && (host === undefined || operands.length > 0)) {
    const hint = operands.length > 0 ? "; 'regime run' runs a command there" : '';
    throw new UsageError(`it takes one operand: [USER@]HOST${hint}`);
  }
  const password = given.value('password');
  const login = given.value('login');
  const command = given.value('revert-command');
  const timeout = given.value('timeout-ssh');
  return {
    request: readRequest(given, host),
    ...(password !== undefined && readPassword(password)),
    ...(script !== undefined && {
      setupScript: {
        program: local ? findSetupScript(script) : script,
        args: operands,
        ...(login !== undefined && { login }),
      },
    }),
    ...(command !== undefined && { revertCommand: command }),
    reboot: given.flag('reboot'),
    timeout: timeout === undefined ? DEFAULT_TIMEOUT : readSeconds(timeout),
    waits: timeout !== undefined,
  };
}

function readRequest(given: Arguments, host: Bytes | undefined): Partial<Request> {
  const text = (name: string) => given.values(name).map(textOf).at(-1);
  const user = text('login');
  const port = text('port');
  const config = text('config');
  const hostKey = text('host-key');
  const identityFiles = given.values('identity').map((file) => readable('identity', file));
  const options = given.values('options').flatMap((value) => readOptions(textOf(value)));
  if (hostKey !== undefined && hostKey !== 'strict' && hostKey !== 'accept-new') {
    throw new UsageError(`--host-key: not strict or accept-new: ${shown(hostKey)}`);
  }
  return {
    ...(host !== undefined && readHost(textOf(host))),
    ...(user !== undefined && { user }),
    ...(port !== undefined && { port: readNumber(port) }),
    ...(identityFiles.length > 0 && { identityFiles }),
    ...(options.length > 0 && { options }),
    ...(config !== undefined && {
      configFile: config === 'none' ? config : readable('config', config),
    }),
    ...(hostKey !== undefined && { hostKey }),
  };
}

/** As the incumbent has it, words for ssh(1) will do. */
function readOptions(value: string) {
  return /^\s*-/.test(value) ? readSshWords(value) : [readOption(value)];
}

function readNumber(port: string): number {
  try {
    return readPort(port);
  } catch {
    throw new UsageError(`--port: not the number of a port: ${shown(port)}`);
  }
}

/** The absolute name of a file that is there. */
function readable(option: string, file: Bytes): string {
  const path = resolve(textOf(file));
  try {
    accessSync(path, constants.R_OK);
  } catch {
    throw new UsageError(`--${option}: there is no file that can be read: ${shown(file)}`);
  }
  return path;
}

/** As the incumbent has it: a file, or the password itself. What has a slash is meant as a file. */
function readPassword(value: Bytes): Pick<SshSettings, 'password' | 'passwordFile'> {
  const isFile = value.includes('/') || existsSync(bufferOf(value));
  if (!isFile) return { password: () => Promise.resolve(value) };
  const passwordFile = readable('password', value);
  const secret = readFirstLine(passwordFile);
  return { password: () => Promise.resolve(secret), passwordFile };
}

/** The password of settings, also of those that were in a record. @throws UsageError */
export function passwordOf({ password, passwordFile }: SshSettings): Promise<Bytes | undefined> {
  if (password) return password();
  return Promise.resolve(passwordFile === undefined ? undefined : readFirstLine(passwordFile));
}

function readFirstLine(path: string): Bytes {
  if (!statSync(path).isFile()) throw new UsageError(`--password: not a file: ${path}`);
  const [line = ''] = readFileSync(path, 'latin1').split(/\r?\n/);
  if (line === '') throw new UsageError(`--password: there is no password in ${path}`);
  return line;
}

function readSeconds(value: Bytes): number {
  if (/^[1-9][0-9]{0,6}$/.test(value)) return Number(value) * 1000;
  throw new UsageError(`--timeout-ssh: not a number of seconds: ${shown(value)}`);
}
