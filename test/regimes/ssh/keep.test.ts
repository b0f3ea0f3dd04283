import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

import { expect } from 'chai';

import {
  idOf,
  reapKept,
  runAs,
  selfAs,
  serverOf,
  sessionsOf,
  type Caller,
} from '../../crash/caller.ts';
import { buildWithFaults } from '../../crash/faulty-build.ts';
import { allProcesses, untilNone } from '../../crash/processes.ts';
import { makeAccount } from '../../support/account.ts';
import { cleanUpAfterTest } from '../../support/clean-up.ts';
import { startSshd, type TestSshd } from '../../support/sshd.ts';
import { tempDir } from '../../support/tempdir.ts';
import { needRoot } from '../support/needs.ts';
import { openSession } from '../support/session.ts';
import { until } from '../support/until.ts';
import { ownedBy, processesOf, sshWords } from './support.ts';

describe('a session with a machine behind ssh that is kept', function () {
  this.timeout(180_000);
  let sshd: TestSshd;
  let caller: Caller;

  before(async function () {
    needRoot(this);
    sshd = await startSshd(this);
  });
  beforeEach(() => {
    caller = selfAs(tempDir());
    cleanUpAfterTest(() => reapKept(caller));
  });

  const run = (...args: string[]) => runAs(caller, args);
  const keep = async (words: string[], script: string) => {
    const bed = await openSession(caller, ['--keep=always', '--share', ...words]);
    await bed.sh(`cd ${bed.scratch}; ${script}`);
    expect(await bed.server.command('quit')).to.equal('ok');
    expect((await bed.server.ended).status).to.equal(0);
    const id = idOf(caller);
    expect(bed.server.stderr()).to.include(`session ${id} is kept`);
    return { id, scratch: bed.scratch };
  };

  it('goes on there, reserved, lets its user in, and goes when it is reaped', async () => {
    const account = makeAccount({ shell: '/bin/sh' });
    const words = sshWords(sshd, account.name);
    const script =
      'echo found >file; echo shared >"$CHECKBOX_DATA/file"; sleep 963 >&- 2>&- <&- & echo $! >pid';
    const { id, scratch } = await keep(words, script);
    await until(() => processesOf(account, 'regime-keeper') === 0, 'the keeper has gone');
    expect(processesOf(account, 'sleep 963')).to.equal(1);
    const look = 'kill $(cat "$0/pid"); cat "$0/file" "$CHECKBOX_DATA/file"; exit 7';
    const [one, two] = [run('shell', id, 'sh', '-c', look, scratch), run('shell', id, 'true')];
    expect(one).to.deep.equal({ status: 7, stdout: 'found\nshared\n', stderr: '' });
    expect(two.status).to.equal(0);
    expect(run('sessions').stdout).to.match(new RegExp(`^${id} .* kept .*${sshd.host}`, 'm'));
    const share = run('sessions', 'show', '--share', id);
    expect(share.status).to.equal(1);
    expect(share.stderr).to.include(`/var/tmp/regime-${id}.share`);

    const other = serverOf(caller, ['--wait=0', ...words]);
    other.send('open\n');
    expect((await other.ended).status).to.equal(12);
    expect(other.stderr()).to.match(new RegExp(`is used by .*, kept as regime-${id}, since`));

    expect(run('reset', id).stderr).to.include('nothing of it reverts');
    expect(run('reap', id)).to.include({ status: 0, stderr: '' });
    expect(sessionsOf(caller)).to.deep.equal([]);
    expect(existsSync(scratch)).to.equal(false);
    await until(() => processesOf(account) === 0, 'nothing runs there');
    expect(ownedBy(account).filter((path) => path.includes(id))).to.deep.equal([]);
    const bed = await openSession(caller, ['--wait=0', ...words]);
    await bed.quit();
  });

  it('is reset there, in an overlay over the machine', async () => {
    const root = makeAccount({ root: true, shell: '/bin/sh' });
    const words = [...sshWords(sshd, root.name), '+', 'chroot', '/'];
    const sleep = `sleep 962.${process.pid}`;
    const spoil = `echo shared >"$CHECKBOX_DATA/file"; touch /srv/spoilt; ${sleep} >&- 2>&- <&- &`;
    const { id, scratch } = await keep(words, spoil);
    const sleeps = () => allProcesses().filter(({ command }) => command === sleep);
    expect(sleeps()).to.have.length(1);
    expect(run('shell', id, 'ls', '/srv/spoilt').status).to.equal(0);
    expect(run('reset', id)).to.include({ status: 0, stderr: '' });
    expect(await untilNone(sleeps, 20_000)).to.deep.equal([]);
    const look = 'ls /srv; cat "$CHECKBOX_DATA/file"; ls -A "$0"';
    expect(run('shell', id, 'sh', '-c', look, scratch)).to.deep.equal({
      status: 0,
      stdout: 'shared\n',
      stderr: '',
    });
    expect(run('reap', id)).to.include({ status: 0, stderr: '' });
    const named = () => allProcesses().filter(({ command }) => command.includes(id));
    expect(await untilNone(named, 20_000)).to.deep.equal([]);
    expect(sessionsOf(caller)).to.deep.equal([]);
  });

  it('can be reaped where the server was killed while it was being left', async () => {
    const program = buildWithFaults();
    const account = makeAccount({ shell: '/bin/sh' });
    const words = ['--keep=always', ...sshWords(sshd, account.name)];
    for (const point of ['keep.marked', 'keep.done']) {
      const [node = '', , ...argv] = caller.argv(...words);
      const env = { ...caller.env, REGIME_FAULT: point };
      const input = 'open\nquit\n';
      expect(spawnSync(node, [program, ...argv], { env, input }).signal).to.equal('SIGKILL');
      const id = idOf(caller);
      expect(run('reap', id)).to.include({ status: 0, stderr: '' });
      await until(() => processesOf(account) === 0, `nothing runs there after ${point}`);
      expect(ownedBy(account).filter((path) => path.includes(id))).to.deep.equal([]);
    }
  });

  it('is reset by its revert command', async () => {
    const account = makeAccount({ shell: '/bin/sh' });
    const log = `${tempDir()}/log`;
    const words = sshWords(sshd, account.name, '--revert-command', `echo reverted >>${log}`);
    const { id, scratch } = await keep(words, 'echo shared >"$CHECKBOX_DATA/file"; echo x >file');
    expect(existsSync(log)).to.equal(false);
    expect(run('reset', id).status).to.equal(0);
    expect(readFileSync(log, 'utf8')).to.equal('reverted\n');
    const look = run('shell', id, 'sh', '-c', 'cat "$CHECKBOX_DATA/file"; ls -A "$0"', scratch);
    expect(look).to.deep.equal({ status: 0, stdout: 'shared\n', stderr: '' });
    expect(run('reap', id)).to.include({ status: 0 });
    expect(readFileSync(log, 'utf8')).to.equal('reverted\nreverted\n');
    expect(ownedBy(account).filter((path) => path.includes(id))).to.deep.equal([]);
  });
});
