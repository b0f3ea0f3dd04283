import { spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { runThrough, selfAs } from '../../crash/caller.ts';
import { makeAccount, type TestAccount } from '../../support/account.ts';
import { cleanUpAfterFile } from '../../support/clean-up.ts';
import { SOAK } from '../../support/soak.ts';
import { startSshd, type TestSshd } from '../../support/sshd.ts';
import { tempDir } from '../../support/tempdir.ts';
import { openSession } from '../support/session.ts';
import { until } from '../support/until.ts';
import { sshWords } from './support.ts';

/** MiB that go each way. */
const MUCH = SOAK ? 1024 : 64;

describe('a machine behind ssh under a burden', function () {
  this.timeout(SOAK ? 900_000 : 180_000);
  let sshd: TestSshd;
  let account: TestAccount;
  /** Where there is room for 1 MiB. */
  let full: string;

  before(async function () {
    // As a server comes.
    const lines = ['MaxSessions 10', 'MaxStartups 10:30:100'];
    account = makeAccount({ shell: '/bin/sh' });
    full = `${account.home}/full`;
    mkdirSync(full);
    // Before the server starts, which has a mount namespace of its own: it would not see it later.
    const options = `size=1m,mode=777,uid=${account.uid}`;
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'full', full]).status).to.equal(0);
    cleanUpAfterFile(() => void spawnSync('umount', ['-l', full]));
    sshd = await startSshd(this, { lines });
  });

  const open = (...more: string[]) =>
    openSession(selfAs(tempDir()), sshWords(sshd, account.name, ...more));

  it('runs fifty commands at once', async () => {
    const bed = await open();
    const prefix = await bed.prefix();
    // None ends before all run: each waits for a file that the last one makes.
    const script = 'touch "$0/$1"; until test -e "$0/go"; do sleep 0.1; done; cat; exit 7';
    const all = Array.from({ length: 50 }, (_, n) =>
      runThrough(prefix, ['sh', '-c', script, bed.scratch, `${n}`], { input: `word ${n}` }),
    );
    await until(() => readdirSync(bed.scratch).length === 50, 'all of them run', 60_000);
    writeFileSync(`${bed.scratch}/go`, '');
    for (const [n, { status, stdout, stderr }] of (await Promise.all(all)).entries()) {
      expect({ status, stdout, stderr }).to.deep.equal({
        status: 7,
        stdout: `word ${n}`,
        stderr: '',
      });
    }
    await bed.quit();
  });

  it(`carries ${MUCH} MiB each way unharmed`, async () => {
    const bed = await open();
    const file = `${tempDir()}/much`;
    const piece = randomFillSync(Buffer.alloc(1 << 20));
    for (let n = 0; n < MUCH; n += 1) {
      piece.writeUInt32BE(n, 0);
      writeFileSync(file, piece, { flag: 'a' });
    }
    const there = `${bed.scratch}/much`;
    expect(await bed.server.command(`copydown ${file} ${there}`)).to.equal('ok');
    expect(await bed.server.command(`copyup ${there} ${file}-back`)).to.equal('ok');
    expect(spawnSync('cmp', [file, `${file}-back`]).status).to.equal(0);
    const prefix = await bed.prefix();
    const script = '"$@" cat <"$0" | cmp - "$0"';
    const through = await runThrough(['sh', '-c', script, file, ...prefix], [], { limit: 600_000 });
    expect(through).to.deep.include({ status: 0, stdout: '', stderr: '' });
    await bed.quit();
  });

  it('says in one line that the disk there is full, and leaves what was there', async () => {
    const bed = await open('--dialect=classic');
    mkdirSync(`${full}/tree`);
    writeFileSync(`${full}/tree/old`, 'old');
    for (const path of [`${full}/tree`, `${full}/tree/old`]) {
      chownSync(path, account.uid, account.gid);
    }
    const source = `${tempDir()}/source`;
    mkdirSync(source);
    chmodSync(source, 0o755);
    writeFileSync(`${source}/big`, Buffer.alloc(4 << 20, 1));
    for (const command of [
      `copydown ${source}/big ${full}/big`,
      `copydown ${source}/ ${full}/tree/`,
    ]) {
      const before = bed.server.stderr().length;
      expect(await bed.server.command(command)).to.equal('copy-failed');
      const said = bed.server.stderr().slice(before);
      // GNU tar hears of the full disk by a short write.
      expect(said).to.match(/^[^\n]*(No space left on device|Wrote only)[^\n]*\n$/);
    }
    expect(readdirSync(`${full}/tree`)).to.deep.equal(['old']);
    expect(readFileSync(`${full}/tree/old`, 'utf8')).to.equal('old');
    await bed.quit();
  });
});
