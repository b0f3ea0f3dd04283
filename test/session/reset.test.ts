import { spawn, spawnSync } from 'node:child_process';

import { expect } from 'chai';

import { FAULT_POINTS } from '../../src/fault.ts';
import {
  idOf,
  reapKept,
  runAs,
  selfAs,
  serverOf,
  sessionsOf,
  type Caller,
} from '../crash/caller.ts';
import { buildWithFaults } from '../crash/faulty-build.ts';
import { allProcesses, mountsBelow, untilNone } from '../crash/processes.ts';
import { needRoot } from '../regimes/support/needs.ts';
import { openSession } from '../regimes/support/session.ts';
import { makeSmallTree } from '../regimes/support/small-tree.ts';
import { cleanUpAfterTest } from '../support/clean-up.ts';
import { fileTempDir, tempDir } from '../support/tempdir.ts';

const PATIENCE = 20_000;

describe('regime reset', function () {
  this.timeout(120_000);
  let tree: string;
  let caller: Caller;

  before(function () {
    needRoot(this);
    tree = makeSmallTree(`${fileTempDir()}/tree`);
  });
  beforeEach(() => {
    caller = selfAs(tempDir());
    cleanUpAfterTest(() => reapKept(caller));
  });

  const run = (...args: string[]) => runAs(caller, args);
  const keep = async (...args: string[]): Promise<{ id: string; scratch: string }> => {
    const { server, scratch } = await openSession(caller, ['--keep=always', ...args]);
    expect(await server.command('quit')).to.equal('ok');
    expect((await server.ended).status).to.equal(0);
    return { id: idOf(caller), scratch };
  };
  const inside = (id: string, script: string) => {
    const { status, stdout, stderr } = run('shell', id, 'sh', '-c', script);
    expect({ status, stderr }, script).to.deep.equal({ status: 0, stderr: '' });
    return stdout;
  };
  const nothingLeft = async (id: string) => {
    expect(sessionsOf(caller)).to.deep.equal([]);
    expect(mountsBelow(caller.state)).to.deep.equal([]);
    const named = () => allProcesses().filter(({ command }) => command.includes(id));
    expect(await untilNone(named, PATIENCE)).to.deep.equal([]);
  };

  for (const outer of [[], ['null', '+']]) {
    it(`has a kept testbed as after open, with its share: ${[...outer, 'chroot'].join(' ')}`, async () => {
      const setup = ['--setup', 'echo "set up" >>/srv/up', '--scratch-mode=711'];
      const { id, scratch } = await keep('--share', ...setup, ...outer, 'chroot', tree);
      const sleep = `sleep 971.${process.pid}`;
      const spoil = `echo kept >"$CHECKBOX_DATA/file"; rm -r /usr/bin/uname; touch ${scratch}/x /srv/x`;
      inside(id, `${spoil}; setsid ${sleep} <&- >&- 2>&- &`);
      const reset = run('reset', '--json', id.slice(0, 8));
      expect(reset).to.include({ status: 0, stderr: '' });
      const said = JSON.parse(reset.stdout) as Record<string, unknown>;
      const regime = outer.length > 0 ? ['null', 'chroot'] : ['chroot'];
      expect(said).to.deep.include({ id, regime, scratch });
      const look = `cat /srv/* "$CHECKBOX_DATA/file"; uname; stat -c %a ${scratch}; ls -A ${scratch}`;
      expect(inside(id, look)).to.equal('set up\nkept\nLinux\n711\n');
      const sleeps = () => allProcesses().filter(({ command }) => command === sleep);
      expect(await untilNone(sleeps, PATIENCE)).to.deep.equal([]);
      expect(run('sessions').stdout).to.match(new RegExp(`^${id} .* kept `, 'm'));
      expect(run('reset', id).stdout).to.match(
        new RegExp(`^reset ${id}: .*chroot, ${scratch} is empty\n$`),
      );
      expect(run('reap', id).status).to.equal(0);
      await nothingLeft(id);
    });
  }

  it('says in one line what can not be reset, and touches nothing', async () => {
    for (const [words, why] of [
      [['null'], /nothing of it reverts \(null: the host itself\)$/],
      [['chroot', '--in-place', tree], /nothing of it reverts \(chroot: the tree .*\)$/],
    ] as const) {
      const { id, scratch } = await keep(...words);
      inside(id, `touch ${scratch}/file`);
      const { status, stdout, stderr } = run('reset', id);
      expect({ status, stdout }).to.deep.equal({ status: 1, stdout: '' });
      expect(stderr.trimEnd()).to.match(why).and.not.include('\n');
      inside(id, `test -e ${scratch}/file`);
      expect(run('reap', id).status).to.equal(0);
    }
    const server = serverOf(caller, ['chroot', tree]);
    server.send('open\n');
    await server.reply();
    await server.reply();
    const living = run('reset', idOf(caller));
    expect(living.status).to.equal(1);
    expect(living.stderr).to.match(/was not kept by its server/);
    expect(await server.command('quit')).to.equal('ok');
    for (const wrong of [['reset'], ['reset', 'nosuch'], ['reset', '--wait=soon', 'nosuch']]) {
      expect(run(...wrong), wrong.join(' ')).to.include({ status: 2, stdout: '' });
    }
  });

  it('waits for who is in the session, and says who that is', async () => {
    const { id } = await keep('chroot', tree);
    const [program = '', ...words] = caller.argv('shell', id, 'sh', '-c', 'echo in; read line');
    const shell = spawn(program, words, { env: caller.env, stdio: ['pipe', 'pipe', 'inherit'] });
    cleanUpAfterTest(() => void shell.kill('SIGKILL'));
    await new Promise((resolve) => shell.stdout.once('data', resolve));
    const refused = run('reset', '--wait=0', id);
    expect(refused).to.include({ status: 1, stdout: '' });
    const who = new RegExp(`session ${id} is used by process ${shell.pid} \\(.* shell ${id} sh`);
    expect(refused.stderr).to.match(who);
    const resets = [1, 2].map(async () => {
      const [file = '', ...args] = caller.argv('reset', id);
      const child = spawn(file, args, { env: caller.env, stdio: ['ignore', 'pipe', 'pipe'] });
      const waits = new Promise((resolve) => child.stderr.once('data', resolve));
      const ended = new Promise((resolve) => child.once('close', resolve));
      await waits;
      return { ended };
    });
    // Both wait for the shell, and then one for the other.
    const both = await Promise.all(resets);
    shell.stdin.end('\n');
    expect(await Promise.all(both.map(({ ended }) => ended))).to.deep.equal([0, 0]);
    expect(run('reap', id).status).to.equal(0);
    await nothingLeft(id);
  });

  describe('killed at a named moment', () => {
    let program: string;
    before(() => {
      program = buildWithFaults();
    });
    for (const point of FAULT_POINTS.filter((name) => name.startsWith('keep.'))) {
      it(`leaves what is kept to its user, who can reap it: ${point}`, async () => {
        const [node = '', , ...words] = caller.argv('--keep=always', 'chroot', tree);
        const env = { ...caller.env, REGIME_FAULT: point };
        const input = 'open\nquit\n';
        expect(spawnSync(node, [program, ...words], { env, input }).signal).to.equal('SIGKILL');
        const id = idOf(caller);
        expect(run('reap').stdout).to.equal(`left ${id}: kept\n`);
        expect(run('reap', id)).to.include({ status: 0, stderr: '' });
        await nothingLeft(id);
      });
    }
    for (const point of FAULT_POINTS.filter((name) => name.startsWith('reset.'))) {
      it(`can be done again, and leaves nothing after a reap: ${point}`, async () => {
        const { id } = await keep('--share', 'chroot', '--memory=1G', tree);
        const kill = () => {
          const [node = '', , ...words] = caller.argv('reset', id);
          const env = { ...caller.env, REGIME_FAULT: point };
          expect(spawnSync(node, [program, ...words], { env }).signal).to.equal('SIGKILL');
        };
        kill();
        // Reapers leave what is kept, whatever there is of it.
        expect(run('reap').stdout).to.equal(`left ${id}: kept\n`);
        expect(run('reset', id), point).to.include({ status: 0 });
        expect(inside(id, 'echo in')).to.equal('in\n');
        kill();
        expect(run('reap', id)).to.include({ status: 0, stderr: '' });
        await nothingLeft(id);
      });
    }
  });
});
