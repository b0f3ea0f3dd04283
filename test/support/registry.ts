import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { cleanUpAfterFile } from './clean-up.ts';
import { freePort } from './port.ts';
import { skip } from './skip.ts';
import { fileTempDir } from './tempdir.ts';

/** Who may use a registry that wants a password. */
export const LOGIN = { user: 'somebody', password: 'open:sesame' };

/** Milliseconds that a registry may take to answer. */
const PATIENCE = 20_000;

/** For a `before` hook: a registry on the loopback that is gone after the file. @returns HOST:PORT */
export async function startRegistry(
  context: Mocha.Context,
  wish: { login: boolean },
): Promise<string> {
  context.timeout(PATIENCE * 2);
  if (!existsSync('/usr/bin/docker-registry')) skip(context, 'docker-registry is not installed');
  const directory = fileTempDir();
  const address = `127.0.0.1:${await freePort()}`;
  // bcrypt of the password, by crypt(3).
  const hash = '$2y$05$abcdefghijklmnopqrstuubMHTpw5uKdtLGvKw5uzYhbpqtktcY3.';
  writeFileSync(`${directory}/users`, `${LOGIN.user}:${hash}\n`);
  const auth = `auth:\n  htpasswd:\n    realm: tests\n    path: ${directory}/users\n`;
  const configuration = `version: 0.1
storage:
  filesystem:
    rootdirectory: ${directory}/data
http:
  addr: ${address}
${wish.login ? auth : ''}`;
  writeFileSync(`${directory}/config.yml`, configuration);
  const argv = ['serve', `${directory}/config.yml`];
  const registry = spawn('docker-registry', argv, { stdio: 'ignore' });
  const ended = new Promise((resolve) => registry.once('close', resolve));
  cleanUpAfterFile(async () => {
    registry.kill();
    await ended;
  });
  for (let waited = 0; !(await isUp(address)); waited += 50) {
    if (waited > PATIENCE) throw new Error('the registry does not start');
    await sleep(50);
  }
  return address;
}

async function isUp(address: string): Promise<boolean> {
  return fetch(`http://${address}/v2/`).then(
    () => true,
    () => false,
  );
}
