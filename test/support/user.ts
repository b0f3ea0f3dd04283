import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, chownSync, cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';

import { projectRoot, serverPath } from './server.ts';
import { fileTempDir } from './tempdir.ts';

/** A plain user of this machine, with directories of its own below a temporary one. */
export interface PlainUser {
  name: string;
  uid: number;
  gid: number;
  /** Belongs to the user and is removed after the file. */
  home: string;
  /** The argv that runs a command as this user, in a fresh environment (as a login would have). */
  argv(command: readonly string[], env?: Record<string, string>): string[];
  /** The argv of the built server as this user: of a copy, as the checkout may be closed to others. */
  serverArgv(...args: string[]): string[];
}

const NAME = 'regime-test';
let cached: PlainUser | undefined;

/**
 * The plain user that tests run things as: as root the account `regime-test` (`npm test` makes
 * it, with subordinate ids), else who runs the tests.
 * @throws Error with the reason for a skip where there is none
 */
export function plainUser(): PlainUser {
  cached ??= process.getuid?.() === 0 ? testAccount() : runningUser();
  return cached;
}

/** True where there is such a user, with subordinate ids (which tarballs need to be unpacked). */
export function hasPlainUser(): boolean {
  try {
    plainUser();
    return true;
  } catch {
    return false;
  }
}

function testAccount(): PlainUser {
  const uid = idOf('-u');
  const gid = idOf('-g');
  const home = fileTempDir();
  makeOwn(home, uid, gid);
  for (const part of ['state', 'cache', 'run', 'tmp']) {
    mkdirSync(`${home}/${part}`, { mode: 0o700 });
    chownSync(`${home}/${part}`, uid, gid);
  }
  const argv: PlainUser['argv'] = (command, env = {}) => [
    ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', 'env', '-i', '-C', home],
    ...assignments({ ...environmentOf(NAME, home), ...env }),
    ...command,
  ];
  return {
    name: NAME,
    uid,
    gid,
    home,
    argv,
    serverArgv: (...args) => argv([...readable(), ...args]),
  };
}

function runningUser(): PlainUser {
  const home = fileTempDir();
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  const name = spawnSync('id', ['-un'], { encoding: 'utf8' }).stdout.trim();
  for (const part of ['state', 'cache', 'run', 'tmp'])
    mkdirSync(`${home}/${part}`, { mode: 0o700 });
  const argv: PlainUser['argv'] = (command, env = {}) => [
    ...['env', '-i', '-C', home, ...assignments({ ...environmentOf(name, home), ...env })],
    ...command,
  ];
  const serverArgv = (...args: string[]) => argv([process.execPath, serverPath(), ...args]);
  return { name, uid, gid, home, argv, serverArgv };
}

function environmentOf(name: string, home: string): Record<string, string> {
  return {
    PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`,
    HOME: home,
    USER: name,
    LOGNAME: name,
    SHELL: '/bin/sh',
    LANG: 'C.UTF-8',
    TMPDIR: `${home}/tmp`,
    XDG_STATE_HOME: `${home}/state`,
    XDG_CACHE_HOME: `${home}/cache`,
    XDG_RUNTIME_DIR: `${home}/run`,
  };
}

function assignments(env: Record<string, string>): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}

function idOf(option: string): number {
  const { status, stdout } = spawnSync('id', [option, NAME], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`there is no account ${NAME}: run node scripts/fixtures.mjs`);
  return Number(stdout);
}

function makeOwn(directory: string, uid: number, gid: number): void {
  chownSync(directory, uid, gid);
  chmodSync(directory, 0o755);
}

let copy: string[] | undefined;
/** Node and the built program at a place that every user can read. */
function readable(): string[] {
  if (copy) return copy;
  const directory = fileTempDir();
  chmodSync(directory, 0o755);
  serverPath();
  cpSync(`${projectRoot}/dist`, `${directory}/dist`, { recursive: true });
  cpSync(`${projectRoot}/package.json`, `${directory}/package.json`);
  // What the bundle leaves out; where the checkout is closed to others they do without.
  symlinkSync(`${projectRoot}/node_modules`, `${directory}/node_modules`);
  copy = [nodeFor(directory), `${directory}/dist/main.js`];
  return copy;
}

/** Node may live in a home directory that only its owner can enter. */
function nodeFor(directory: string): string {
  const uid = idOf('-u');
  const probe = ['--reuid', String(uid), '--clear-groups', process.execPath, '--version'];
  if (spawnSync('setpriv', probe).status === 0) return process.execPath;
  const node = `${directory}/${basename(process.execPath)}`;
  cpSync(process.execPath, node);
  accessSync(node);
  return node;
}
