import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { sessionsOf } from '../../../regimes/ssh/connection/greeting.ts';
import { selfAs } from '../../crash/caller.ts';
import { makeAccount, type TestAccount } from '../../support/account.ts';
import { startDropbear, type TestSshd } from '../../support/sshd.ts';
import { tempDir } from '../../support/tempdir.ts';
import { needRoot } from '../support/needs.ts';
import { openSession } from '../support/session.ts';
import { until } from '../support/until.ts';
import { connected, outcome } from './connection/support.ts';
import { ownedBy, processesOf, sshWords } from './support.ts';

describe('a machine behind dropbear', function () {
  this.timeout(120_000);
  let dropbear: TestSshd;
  let user: TestAccount;
  let root: TestAccount;

  before(async function () {
    user = makeAccount({ shell: '/bin/sh' });
    root = makeAccount({ root: true, shell: '/bin/sh' });
    dropbear = await startDropbear(this, [user, root]);
  });

  // Where others end while one begins, dropbear 2022.82 to 2024.85 drops that one, or all of them.
  it('runs many commands at once that end at once', async () => {
    const connection = await connected(dropbear, { user: user.name });
    const all = Array.from({ length: 100 }, async (_, n) => {
      const { stdout, ending } = await outcome(await connection.exec(`echo ${n}; exit 3`));
      return [stdout, ending];
    });
    expect(await Promise.all(all)).to.deep.equal(all.map((_, n) => [`${n}\n`, { status: 3 }]));
    connection.close();
  });

  it('is a testbed for commands and copies both ways, of which nothing is left', async () => {
    const atFirst = ownedBy(user);
    const bed = await openSession(selfAs(tempDir()), sshWords(dropbear, user.name));
    const source = `${tempDir()}/source`;
    mkdirSync(source);
    writeFileSync(`${source}/big`, Buffer.alloc(4 << 20, 'regime'));
    writeFileSync(`${source}/small`, 'small');
    const there = `${bed.scratch}/tree`;
    expect(await bed.server.command(`copydown ${source}/ ${there}/`)).to.equal('ok');
    expect(await bed.sh(`cat ${there}/small; id -un`)).to.equal(`small${user.name}`);
    expect(await bed.server.command(`copyup ${there}/ ${source}-back/`)).to.equal('ok');
    expect(spawnSync('diff', ['-r', source, `${source}-back`]).status).to.equal(0);
    expect((await bed.run('sh', '-c', 'kill -KILL $$')).status).to.equal(137);
    await bed.quit();
    await until(() => processesOf(user) === 0, 'nothing of it runs there');
    expect(ownedBy(user)).to.deep.equal(atFirst);
  });

  it('reverts inside of it', async function () {
    needRoot(this);
    const words = [...sshWords(dropbear, root.name), '+', 'chroot', '/'];
    const bed = await openSession(selfAs(tempDir()), words);
    await bed.sh('touch /new');
    await bed.revert();
    expect(await bed.sh('test -e /new || id -u')).to.equal('0');
    await bed.quit();
  });
});

describe('the greeting of an ssh server', () => {
  for (const [greeting, sessions] of [
    ['SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3', 10],
    ['SSH-2.0-dropbear_2020.81', 10],
    ['SSH-2.0-dropbear_2022.82', 1],
    ['SSH-2.0-dropbear_2024.85', 1],
    ['SSH-2.0-dropbear_2024.86', 10],
    ['SSH-2.0-dropbear_2025.87', 10],
    ['SSH-2.0-dropbear', 10],
    ['', 10],
  ] as const) {
    it(`${greeting || 'that says nothing'} allows for ${sessions} on a connection`, () => {
      expect(sessionsOf(greeting)).to.equal(sessions);
    });
  }
});
