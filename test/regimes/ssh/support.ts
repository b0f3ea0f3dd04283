import type { TestAccount } from '../../support/account.ts';
import type { TestSshd } from '../../support/sshd.ts';
import { writeFileSync } from 'node:fs';

/** The words of a server for a user of an ssh server; more of them go before the host. */
export function sshWords(sshd: TestSshd, user: string, ...more: string[]): string[] {
  const { port, identity, knownHosts, host } = sshd;
  const words = ['-p', String(port), '-i', identity, '-o', `UserKnownHostsFile=${knownHosts}`];
  return ['ssh', ...words, ...more, `${user}@${host}`];
}

/** A file that holds the password of an account. */
export function passwordFile(directory: string, { password }: TestAccount): string {
  const path = `${directory}/password`;
  writeFileSync(path, `${password}\n`, { mode: 0o600 });
  return path;
}
