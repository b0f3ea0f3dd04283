import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';

import { cleanUpAfterFile, cleanUpAfterTest } from './clean-up.ts';
import { fileTempDir } from './tempdir.ts';

/** An account of this machine that is gone after the file. */
export interface TestAccount {
  name: string;
  uid: number;
  gid: number;
  /** Belongs to it; mode 0755. */
  home: string;
  /** What it logs in with. */
  password: string;
}

export interface AccountOptions {
  /** Its login shell. Default /bin/bash. */
  shell?: string;
  /** May become root with its password, or without. Default: not at all. */
  sudo?: 'password' | 'free';
  /** A second name of root, with a home of its own. */
  root?: boolean;
}

/** Makes an account, as root. It has subordinate ids, and a random password. */
export function makeAccount({ shell = '/bin/bash', sudo, root }: AccountOptions = {}): TestAccount {
  const name = `regime-test-${randomBytes(4).toString('hex')}`;
  const password = randomBytes(12).toString('base64url');
  const home = fileTempDir();
  const hashed = must(['openssl', 'passwd', '-6', '-stdin'], `${password}\n`).trim();
  const kind = root ? ['--non-unique', '--uid', '0', '--no-user-group', '--gid', '0'] : [];
  must(['useradd', '--no-create-home', '--home-dir', home, '--shell', shell, ...kind, name]);
  cleanUpAfterFile(() => removeAccount(name, uid));
  // Not in argv: other users of the machine could read it there.
  must(['chpasswd', '--encrypted'], `${name}:${hashed}\n`);
  const uid = Number(must(['id', '-u', name]));
  const gid = Number(must(['id', '-g', name]));
  chownSync(home, uid, gid);
  chmodSync(home, 0o755);
  if (sudo) {
    const tag = sudo === 'free' ? 'NOPASSWD: ' : '';
    mkdirSync('/etc/sudoers.d', { recursive: true });
    writeFileSync(sudoersOf(name), `${name} ALL=(ALL:ALL) ${tag}ALL\n`, { mode: 0o440 });
  }
  return { name, uid, gid, home, password };
}

/**
 * Lets an account run commands as root without its password, until the test ends.
 * @param commands as sudoers(5) has them
 */
export function allowSudo(name: string, commands: string): void {
  const path = sudoersOf(`regime-test-${randomBytes(4).toString('hex')}`);
  mkdirSync('/etc/sudoers.d', { recursive: true });
  writeFileSync(path, `${name} ALL=(root) NOPASSWD: ${commands}\n`, { mode: 0o440 });
  cleanUpAfterTest(() => rmSync(path, { force: true }));
}

function removeAccount(name: string, uid: number): void {
  rmSync(sudoersOf(name), { force: true });
  if (uid !== 0) spawnSync('pkill', ['-KILL', '-U', String(uid)]);
  // -f: for root's second name every process of root's would count as logged in.
  must(['userdel', '-f', name]);
}

/** sudo ignores files there whose names hold a full stop. */
function sudoersOf(name: string): string {
  return `/etc/sudoers.d/${name}`;
}

function must([program = '', ...args]: string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
  return stdout;
}
