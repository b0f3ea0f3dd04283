import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import {
  prefixOf,
  reapAs,
  runThrough,
  selfAs,
  sessionsOf,
  startThrough,
  type Caller,
} from '../../crash/caller.ts';
import { makeAccount, type TestAccount } from '../../support/account.ts';
import { SOAK } from '../../support/soak.ts';
import { startSshd, type TestSshd } from '../../support/sshd.ts';
import { tempDir } from '../../support/tempdir.ts';
import { openSession, type OpenSession } from '../support/session.ts';
import { until } from '../support/until.ts';
import { ownedBy, processesOf, sshWords } from './support.ts';

/** Milliseconds in which a peer that says nothing is noticed, with some for a busy machine. */
const SILENCE = 60_000;

/** What a server does in the middle of a copy, and which way that goes. */
const LOSSES = [
  ['dies', 'up'],
  ['is killed and started anew', 'down'],
  ['falls silent', 'down'],
] as const;
const FURTHER_LOSSES = [
  ['dies', 'down'],
  ['is killed and started anew', 'up'],
  ['falls silent', 'up'],
] as const;

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

  const open = (...more: string[]) =>
    openSession(caller, sshWords(sshd, account.name, '--dialect=classic', ...more));
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

  it('goes on where the ssh server is started anew and leaves connections alone', async () => {
    const bed = await open();
    const { ended } = await startSleep(bed, account);
    await sshd.restart();
    const prefix = await bed.prefix();
    // More than one connection takes.
    const many = Array.from({ length: 15 }, () => runThrough(prefix, ['sh', '-c', 'exit 7']));
    const all = await Promise.all(many);
    expect(all.map(({ status }) => status)).to.deep.equal(all.map(() => 7));
    bed.server.send('quit\n');
    expect(await ended).to.equal(255);
    expect((await bed.server.ended).status).to.equal(0);
    await nothingIsLeft();
  });

  for (const [what, way] of SOAK ? [...LOSSES, ...FURTHER_LOSSES] : LOSSES) {
    it(`fails a copy ${way} when the server ${what}; the destination stays whole`, async () => {
      const alive = ['-o', 'ServerAliveInterval=1', '-o', 'ServerAliveCountMax=2'];
      const bed = await open(...(what === 'falls silent' ? alive : []));
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
      // It stands still, so that it has not come to its end before the server is gone.
      await until(() => signalTars(account, 'STOP'), 'tar runs there');
      if (what === 'falls silent') sshd.pause();
      else await sshd.kill();
      signalTars(account, 'CONT');
      if (what === 'is killed and started anew') await sshd.start();
      try {
        expect(await reply).to.equal('copy-failed');
        // It may have been somebody else's meanwhile.
        const { status, stderr } = await bed.run('true');
        expect(status).to.equal(255);
        expect(stderr).to.match(/^regime: [^\n]*the connection to [^\n]*\n$/);
        if (way === 'up') {
          expect(readdirSync(destination)).to.deep.equal(['old']);
          expect(readFileSync(`${destination}/old`, 'utf8')).to.equal('old');
        }
        bed.server.send('quit\n');
        expect((await bed.server.ended).status).to.equal(12);
      } finally {
        sshd.resume();
      }
      if (way === 'down') expect(readdirSync(`${bed.scratch}/there`)).to.deep.equal(['old']);
      if (what === 'dies') await sshd.start();
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

/** True where there was a tar of the account to send the signal to. */
function signalTars({ uid }: TestAccount, signal: 'STOP' | 'CONT'): boolean {
  return spawnSync('pkill', [`-${signal}`, '-U', String(uid), '-f', '^tar -[cx]']).status === 0;
}

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
