import { spawnSync } from 'node:child_process';

import { expect } from 'chai';

import { makeAccount } from './account.ts';
import { startDropbear, startSshd, type TestSshd } from './sshd.ts';

describe('ssh servers for tests', function () {
  this.timeout(60_000);
  let sshd: TestSshd;

  before(async function () {
    sshd = await startSshd(this);
  });

  it('let root and accounts in', () => {
    const { name } = makeAccount();
    expect(whoami(sshd, 'root')).to.equal('root');
    expect(whoami(sshd, name)).to.equal(name);
  });

  it('have a user who becomes root with a password', () => {
    const { name, password } = makeAccount({ sudo: 'password' });
    const [program = '', ...args] = sshd.ssh(name).filter((word) => word !== '-n');
    const input = `${password}\n`;
    const became = spawnSync(program, [...args, 'sudo -k -S -p "" id -u'], { input });
    expect(became.stdout.toString()).to.equal('0\n');
  });

  it('come back after a crash, with another key where that is wanted', async () => {
    await sshd.kill();
    expect(whoami(sshd, 'root')).to.equal('');
    await sshd.start();
    expect(whoami(sshd, 'root')).to.equal('root');
    await sshd.changeKey();
    expect(whoami(sshd, 'root')).to.equal('');
  });

  it('are there as dropbear too', async function () {
    const root = makeAccount({ root: true });
    const user = makeAccount();
    const dropbear = await startDropbear(this, [root, user]);
    expect(whoami(dropbear, user.name)).to.equal(user.name);
    expect(whoami(dropbear, root.name, 'id -u')).to.equal('0');
  });
});

function whoami(server: TestSshd, user: string, command = 'id -un'): string {
  const [program = '', ...args] = server.ssh(user);
  return spawnSync(program, [...args, command], { encoding: 'utf8' }).stdout.trim();
}
