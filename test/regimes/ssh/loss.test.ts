import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import {
  prefixOf,
  reapAs,
  selfAs,
  sessionsOf,
  startThrough,
  type Caller,
} from '../../crash/caller.ts';
import { makeAccount, type TestAccount } from '../../support/account.ts';
import { startSshd, type TestSshd } from '../../support/sshd.ts';
import { tempDir } from '../../support/tempdir.ts';
import { openSession, type OpenSession } from '../support/session.ts';
import { until } from '../support/until.ts';
import { ownedBy, processesOf, sshWords } from './support.ts';

/** Milliseconds in which a peer that says nothing is noticed, with some for a busy machine. */
const SILENCE = 60_000;

describe('a machine behind ssh whose connection is lost', function () {
  this.timeout(180_000);
  let sshd: TestSshd;
  let account: TestAccount;
  let caller: Caller;
  let atFirst: string[];

  before(async function () {
    sshd = await startSshd(this);
  });

  beforeEach(() => {
    account = makeAccount({ shell: '/bin/sh' });
    caller = selfAs(tempDir());
    // The number of an account may have been somebody's before.
    atFirst = ownedBy(account);
  });

  const open = () => openSession(caller, sshWords(sshd, account.name, '--dialect=classic'));
  const nothingIsLeft = async () => {
    await until(() => processesOf(account) === 0, 'nothing of it runs there', 20_000);
    const reaped = reapAs(caller);
    expect(reaped).to.not.include('failed');
    expect(sessionsOf(caller)).to.deep.equal([]);
    expect(ownedBy(account).filter((path) => !atFirst.includes(path))).to.deep.equal([]);
  };

  it('ends commands with 255 when the server dies, and is reaped when that is back', async () => {
    const bed = await open();
    const { ended } = await startSleep(bed, account);
    await sshd.kill();
    expect(await ended).to.equal(255);
    expect((await bed.run('true')).status).to.equal(255);
    bed.server.send('quit\n');
    expect((await bed.server.ended).status).to.equal(12);
    // A host that can't be reached keeps its record.
    expect(reapAs(caller)).to.include('failed');
    expect(sessionsOf(caller)).to.have.length(1);
    await sshd.start();
    await nothingIsLeft();
  });

  it('is noticed when the server falls silent', async () => {
    const bed = await open();
    const { ended } = await startSleep(bed, account);
    sshd.pause();
    const before = Date.now();
    try {
      expect(await ended).to.equal(255);
      expect(Date.now() - before).to.be.lessThan(SILENCE);
      bed.server.send('quit\n');
      expect((await bed.server.ended).status).to.equal(12);
    } finally {
      sshd.resume();
    }
    await nothingIsLeft();
  });

  for (const way of ['down', 'up'] as const) {
    it(`fails a copy ${way}, whose destination stays whole`, async () => {
      const bed = await open();
      const source = `${caller.work}/source`;
      mkdirSync(source);
      for (let n = 0; n < 50; n++) writeFileSync(`${source}/${n}`, Buffer.alloc(1 << 20, n));
      const there = `${bed.scratch}/tree`;
      if (way === 'up')
        expect(await bed.server.command(`copydown ${source}/ ${there}/`)).to.equal('ok');
      const destination = `${caller.work}/destination`;
      mkdirSync(destination);
      writeFileSync(`${destination}/old`, 'old');
      await bed.sh(`mkdir ${bed.scratch}/there; echo old >${bed.scratch}/there/old`);
      const command =
        way === 'down'
          ? `copydown ${source}/ ${bed.scratch}/there/`
          : `copyup ${there}/ ${destination}/`;
      const reply = bed.server.command(command);
      await until(() => processesOf(account, '^tar ') > 0, 'tar runs there');
      await sshd.kill();
      expect(await reply).to.equal('copy-failed');
      if (way === 'up') {
        expect(readdirSync(destination)).to.deep.equal(['old']);
        expect(readFileSync(`${destination}/old`, 'utf8')).to.equal('old');
      }
      bed.server.send('quit\n');
      expect((await bed.server.ended).status).to.equal(12);
      if (way === 'down') expect(readdirSync(`${bed.scratch}/there`)).to.deep.equal(['old']);
      await sshd.start();
      await nothingIsLeft();
    });
  }

  it('leaves nothing there when the server of the session is killed', async () => {
    const bed = await open();
    const { ended } = await startSleep(bed, account);
    bed.server.child.kill('SIGKILL');
    expect(await ended).to.equal(255);
    await nothingIsLeft();
  });
});

/** Starts a command that goes on for long; resolves when it runs. */
async function startSleep(
  bed: OpenSession,
  account: TestAccount,
): Promise<{ ended: Promise<number | null> }> {
  const prefix = prefixOf(await bed.server.command('print-execute-command'));
  const auxverb = startThrough(prefix, ['sleep', '983']);
  const ended = new Promise<number | null>((resolve) => auxverb.once('close', resolve));
  await until(() => processesOf(account, '^sleep 983') === 1, 'it runs');
  return { ended };
}
