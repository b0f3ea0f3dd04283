import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';

import type { TestAccount } from '../../support/account.ts';
import type { TestSshd } from '../../support/sshd.ts';

/** The words of a server for a user of an ssh server; more of them go before the host. */
export function sshWords(sshd: TestSshd, user: string, ...more: string[]): string[] {
  const { port, identity, knownHosts, host } = sshd;
  const words = ['-p', String(port), '-i', identity, '-o', `UserKnownHostsFile=${knownHosts}`];
  // Nor asks whoever runs the tests at a terminal.
  words.push('-o', 'BatchMode=yes');
  return ['ssh', ...words, ...more, `${user}@${host}`];
}

/** A file that holds the password of an account. */
export function passwordFile(directory: string, { password }: TestAccount): string {
  const path = `${directory}/password`;
  writeFileSync(path, `${password}\n`, { mode: 0o600 });
  return path;
}

/** How many processes of a user have a command line like this. */
export function processesOf({ uid }: TestAccount, line = ''): number {
  const argv = ['-c', '-U', String(uid), '-f', line];
  return Number(spawnSync('pgrep', argv, { encoding: 'utf8' }).stdout);
}

/** What of an account's there is in /tmp. */
export function ownedBy({ uid }: TestAccount): string[] {
  return readdirSync('/tmp')
    .map((name) => `/tmp/${name}`)
    .filter((path) => ownerOf(path) === uid);
}

function ownerOf(path: string): number {
  const { stdout } = spawnSync('stat', ['-c', '%u', path], { encoding: 'utf8' });
  return stdout === '' ? -1 : Number(stdout);
}
