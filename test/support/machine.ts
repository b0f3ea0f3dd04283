import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { startSshd, type TestSshd } from './sshd.ts';

/** A machine with an ssh server that can be rebooted; its locks are its own too. */
export interface TestMachine extends TestSshd {
  /** How often it has booted. */
  boots(): number;
  /** It stays down after the next reboot until it is switched on. */
  switchOff(): void;
  switchOn(): void;
}

/** For a `before` hook: a machine of namespaces, which is gone after the file. */
export async function startMachine(context: Mocha.Context): Promise<TestMachine> {
  const script = fileURLToPath(new URL('./machine.sh', import.meta.url));
  let directory = '';
  const sshd = await startSshd(context, {
    within(parent) {
      directory = `${parent}/machine`;
      mkdirSync(directory);
      return ['sh', script, directory];
    },
  });
  return {
    ...sshd,
    boots: () => readFileSync(`${directory}/boots`, 'utf8').split('\n').length - 1,
    switchOff: () => writeFileSync(`${directory}/off`, ''),
    switchOn: () => rmSync(`${directory}/off`, { force: true }),
  };
}
