import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { plainAs, reapAs, selfAs, sessionsOf, type Caller } from '../../crash/caller.ts';
import { allowSudo, makeAccount } from '../../support/account.ts';
import { importBusybox, startEngine, type TestEngine } from '../../support/docker.ts';
import { debianTree, hasFixtures } from '../../support/fixtures.ts';
import { skip } from '../../support/skip.ts';
import { startSshd, type TestSshd } from '../../support/sshd.ts';
import { fileTempDir, tempDir } from '../../support/tempdir.ts';
import { hasPlainUser, plainUser } from '../../support/user.ts';
import { sshWords } from '../ssh/support.ts';
import { openSession, refusedOpen, refusedStart, type OpenSession } from '../support/session.ts';

const IMAGE = 'busybox:test';

describe('an engine elsewhere', function () {
  this.timeout(120_000);
  let engine: TestEngine;

  before(async function () {
    engine = await startEngine(this);
    importBusybox(engine);
  });

  /** Files, streams, exit statuses, a revert; nothing is left. */
  const workWith = async (bed: OpenSession) => {
    await bed.sh('rm -rf /bin/vi');
    await bed.revert();
    expect(await bed.sh('ls -d /bin/vi')).to.equal('/bin/vi');
    const echo = await bed.run('sh', '-c', 'echo up; cat; exit 7');
    expect(echo).to.include({ status: 7, stdout: 'up\n', stderr: '' });
    expect(engine.containers()).to.not.deep.equal([]);
    await bed.quit();
    expect(engine.containers()).to.deep.equal([]);
  };
  const refusal = async (caller: Caller, ...args: string[]) => {
    const { status, lines } = await refusedOpen(caller, args);
    expect(status).to.equal(12);
    expect(lines, lines.join('\n')).to.have.length(1);
    return lines[0];
  };

  describe('behind sudo', () => {
    let user: Caller;
    let name: string;

    before(function () {
      if (!existsSync('/usr/bin/sudo')) skip(this, 'sudo is not installed');
      if (!hasPlainUser()) skip(this, 'there is no plain user to test as');
      user = plainAs();
      name = plainUser().name;
    });

    it('is worked with, and reaped, by who may run nothing but the docker command', async () => {
      allowSudo(name, `/usr/bin/docker, /usr/local/bin/docker`);
      const args = ['docker', '--sudo', '--host', engine.host, IMAGE];
      await workWith(await openSession(user, args));
      const bed = await openSession(user, args);
      bed.server.child.kill('SIGKILL');
      await bed.server.ended;
      expect(engine.containers()).to.not.deep.equal([]);
      expect(reapAs(user)).to.match(/^reaped /);
      expect(engine.containers()).to.deep.equal([]);
    });

    it('is worked with without the docker command, with a directory that is shared', async () => {
      allowSudo(name, '/usr/bin/perl');
      const shared = `${plainUser().home}/shared`;
      const args = ['podman', '-s', '--host', engine.host, '--shared-dir', shared, IMAGE];
      const bed = await openSession(user, args);
      expect((await bed.capabilities()).join(' ')).to.include(`downtmp-host=${shared}/`);
      await workWith(bed);
      expect(existsSync(shared)).to.equal(false);
    });

    it('is one clear line where sudo wants a password, or there is no socket', async () => {
      const args = ['docker', '-s', '--host', engine.host, IMAGE];
      expect(await refusal(user, ...args)).to.match(
        /cannot reach the engine at unix:.*password is required.*\(.*NOPASSWD\)\)$/,
      );
      const { status, lines } = await refusedStart(user, ['docker', '-s', '-H', 'box', IMAGE]);
      expect([status, lines.length]).to.deep.equal([2, 1]);
      expect(lines[0]).to.match(/--sudo is for sockets, and tcp:\/\/box:2375 .* is none/);
    });
  });

  describe('behind ssh', () => {
    let sshd: TestSshd;
    let programs: string;

    before(async function () {
      sshd = await startSshd(this, { lines: [`SetEnv DOCKER_HOST=${engine.host}`] });
      programs = fileTempDir();
      const wrapper = `#!/bin/sh\nexec /usr/bin/ssh -F ${sshd.config} "$@"\n`;
      writeFileSync(`${programs}/ssh`, wrapper, { mode: 0o755 });
    });

    const callerTo = (host: string): Caller => {
      const caller = selfAs(tempDir());
      const PATH = `${programs}:${process.env['PATH'] ?? ''}`;
      return { ...caller, env: { ...caller.env, PATH, DOCKER_HOST: host, DOCKER_CONTEXT: '' } };
    };

    it('is worked with where the docker command there finds it', async () => {
      await workWith(await openSession(callerTo('ssh://root@testbed'), ['docker', IMAGE]));
    });

    it('is worked with at a path, and reaped by another process when ssh works again', async () => {
      const caller = callerTo(`ssh://root@testbed${engine.socket}`);
      const bed = await openSession(caller, ['docker', IMAGE]);
      bed.server.child.kill('SIGKILL');
      await bed.server.ended;
      expect(engine.containers()).to.not.deep.equal([]);
      await sshd.kill();
      expect(reapAs(caller)).to.match(
        /^failed .*cannot reach the engine at ssh:.*Connection refused/,
      );
      expect(sessionsOf(caller)).to.have.length(1);
      await sshd.start();
      expect(reapAs(caller)).to.match(/^reaped /);
      expect(engine.containers()).to.deep.equal([]);
      expect(sessionsOf(caller)).to.deep.equal([]);
    });

    it('is inside a machine that is a testbed: copies, reverts, and is reaped after a crash', async () => {
      const caller = selfAs(tempDir());
      const root = makeAccount({ root: true, shell: '/bin/sh' });
      const chain = [...sshWords(sshd, root.name), '+', 'docker', IMAGE];
      const bed = await openSession(caller, chain);
      mkdirSync(`${caller.work}/tree`);
      writeFileSync(`${caller.work}/tree/file`, randomBytes(1 << 20));
      const there = `${bed.scratch}/tree`;
      expect(await bed.server.command(`copydown ${caller.work}/tree/ ${there}/`)).to.equal('ok');
      expect(await bed.server.command(`copyup ${there}/ ${caller.work}/back/`)).to.equal('ok');
      const [sent, back] = ['tree', 'back'].map((name) =>
        readFileSync(`${caller.work}/${name}/file`),
      );
      expect(back?.equals(sent ?? Buffer.alloc(0))).to.equal(true);
      await workWith(bed);
      const second = await openSession(caller, chain);
      second.server.child.kill('SIGKILL');
      await second.server.ended;
      expect(engine.containers()).to.not.deep.equal([]);
      expect(reapAs(caller)).to.match(/^reaped /);
      expect(engine.containers()).to.deep.equal([]);
      expect(sessionsOf(caller)).to.deep.equal([]);
    });

    it('is one clear line where ssh or the socket is not there, or its key is another', async () => {
      const none = callerTo(`ssh://root@testbed${engine.socket}.none`);
      expect(await refusal(none, 'docker', IMAGE)).to.match(
        /cannot reach the engine at ssh:.*No such file or directory \(does the engine run there\?\)$/,
      );
      const closed = callerTo('ssh://root@127.0.0.1:1');
      expect(await refusal(closed, 'docker', IMAGE)).to.match(
        /exit status 255: .*port 1: Connection refused \(does the machine run, and an sshd on it\?\)$/,
      );
      const unknown = callerTo('ssh://root@no-such-host.invalid');
      expect(await refusal(unknown, 'docker', IMAGE)).to.match(
        /\(is the name of the host right\?\)$/,
      );
      await sshd.changeKey();
      expect(await refusal(callerTo('ssh://root@testbed'), 'docker', IMAGE)).to.match(
        /Host key verification failed.*\(connect once by hand with ssh/,
      );
    });
  });

  describe('behind another Place', () => {
    let tree: string;

    before(function () {
      if (!hasFixtures()) skip(this, 'there is no root file system to test with');
      tree = debianTree();
    });

    /** A testbed that has the directory of the engine's socket. */
    const chain = (host = `unix:///run/engine/docker.sock`) => {
      const directory = engine.socket.replace(/\/[^/]*$/, '');
      const outer = ['chroot', '--bind', `${directory}:/run/engine`, tree];
      return [...outer, '+', 'docker', '--host', host, IMAGE];
    };

    it('is worked with by what can connect there', async () => {
      await workWith(await openSession(selfAs(tempDir()), chain()));
    });

    it('is found by its own rules, and loses what a killed server left there', async () => {
      const caller = selfAs(tempDir());
      const bed = await openSession(caller, chain());
      expect(await bed.sh('ls -d /bin/busybox')).to.equal('/bin/busybox');
      bed.server.child.kill('SIGKILL');
      await bed.server.ended;
      expect(engine.containers()).to.not.deep.equal([]);
      expect(reapAs(caller)).to.match(/^reaped /);
      expect(engine.containers()).to.deep.equal([]);
    });

    it('is one clear line where it is not there', async () => {
      const words = /cannot reach the engine at unix:\/\/\/run\/none: .*No such file or directory/;
      expect(await refusal(selfAs(tempDir()), ...chain('unix:///run/none'))).to.match(words);
      const tcp = await refusal(selfAs(tempDir()), ...chain('tcp://127.0.0.1:1'));
      expect(tcp).to.match(/only the docker command reaches tcp:.*and there is none/);
    });
  });
});
