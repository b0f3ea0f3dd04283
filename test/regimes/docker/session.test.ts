import { existsSync, readFileSync } from 'node:fs';

import { expect } from 'chai';

import { sessionName } from '../../../src/session/ids.ts';
import { idOf, runAs, selfAs, sessionsOf, type Caller } from '../../crash/caller.ts';
import { importBusybox, startEngine, type TestEngine } from '../../support/docker.ts';
import { fileTempDir } from '../../support/tempdir.ts';
import { openSession, type OpenSession } from '../support/session.ts';

const IMAGE = 'busybox:test';

describe('a session with containers', function () {
  this.timeout(120_000);
  let engine: TestEngine;
  let caller: Caller;

  before(async function () {
    engine = await startEngine(this);
    importBusybox(engine);
    const self = selfAs(fileTempDir());
    caller = { ...self, env: { ...engine.env, XDG_STATE_HOME: self.state } };
  });

  const run = (...args: string[]) => runAs(caller, args);

  it('is kept without what stands by, lets its user in, and goes when it is reaped', async () => {
    const bed = await openSession(caller, ['--keep=always', '--share', 'docker', IMAGE]);
    await bed.revert();
    await bed.sh('echo found >/srv');
    expect(await bed.server.command('quit')).to.equal('ok');
    expect((await bed.server.ended).status).to.equal(0);
    expect(engine.containers()).to.have.length(1);
    const id = idOf(caller);
    expect(run('sessions').stdout).to.match(/ kept .* containers of busybox:test with the label /);
    const look = 'cat /srv; ls -d "$CHECKBOX_DATA"; exit 3';
    expect(run('shell', id, 'sh', '-c', look)).to.deep.equal({
      status: 3,
      stdout: `found\n/var/tmp/regime-${id}.share\n`,
      stderr: '',
    });
    expect(run('reap').stdout).to.equal(`left ${id}: kept\n`);
    expect(run('reap', id)).to.include({ status: 0, stderr: '' });
    expect(engine.containers()).to.deep.equal([]);
    expect(sessionsOf(caller)).to.deep.equal([]);
  });

  it('is reset to a fresh container of the same image, whatever its name means by now', async () => {
    engine.docker('tag', IMAGE, 'moving:test');
    const bed = await openSession(caller, ['--keep=always', '--share', 'docker', 'moving:test']);
    await bed.sh('echo kept >"$CHECKBOX_DATA/file"; echo spoilt >/srv');
    expect(await bed.server.command('quit')).to.equal('ok');
    await bed.server.ended;
    engine.docker('rmi', 'moving:test');
    const id = idOf(caller);
    const ids = () => engine.docker('ps', '-aq').trim();
    const before = ids();
    expect(run('reset', id)).to.include({ status: 0, stderr: '' });
    expect(ids()).to.match(/^\w+$/).and.not.equal(before);
    const look = 'cat "$CHECKBOX_DATA/file"; ! [ -e /srv ]';
    expect(run('shell', id, 'sh', '-c', look)).to.include({ status: 0, stdout: 'kept\n' });
    // What was in the container has gone: there is nothing left but to make it anew.
    engine.docker('rm', '-f', ...engine.containers());
    expect(run('reset', id)).to.include({ status: 0, stderr: '' });
    expect(run('shell', id, 'true').status).to.equal(0);
    expect(run('reap', id).status).to.equal(0);
    expect(engine.containers()).to.deep.equal([]);
  });

  it('says where the kept container has gone', async () => {
    const bed = await openSession(caller, ['--keep=always', 'docker', IMAGE]);
    expect(await bed.server.command('quit')).to.equal('ok');
    await bed.server.ended;
    engine.docker('kill', ...engine.containers());
    const id = idOf(caller);
    expect(run('shell', id, 'true').stderr).to.include('has gone with its server');
    expect(run('reap', id).status).to.equal(0);
    expect(engine.containers()).to.deep.equal([]);
  });

  const volumes = () => engine.docker('volume', 'ls', '-q');

  it('has a share that all its containers see, and the host, without a copy', async () => {
    const bed = await openSession(caller, ['--share', 'docker', IMAGE]);
    const id = idOf(caller);
    await expectShareOutlivesReverts(bed, '/srv');
    expect(existsSync(`${caller.state}/regime/sessions/${sessionName(id)}/share.tar`)).to.equal(
      false,
    );
    const host = run('sessions', 'show', '--share', id).stdout.trim();
    expect(readFileSync(`${host}/file`, 'utf8')).to.equal('kept\n');
    expect(volumes()).to.equal(`regime-${id}-share`);
    await bed.quit();
    expect(volumes()).to.equal('');
    expect(engine.containers()).to.deep.equal([]);
  });

  it('leaves a share that is reaped, and no other volume', async () => {
    const bed = await openSession(caller, ['--share', 'docker', IMAGE]);
    bed.server.child.kill('SIGKILL');
    await bed.server.ended;
    engine.docker('volume', 'create', 'regime-aaaaaaaaaa-share');
    expect(volumes().split('\n')).to.have.length(2);
    expect(run('reap').status).to.equal(0);
    expect(volumes()).to.equal('regime-aaaaaaaaaa-share');
    engine.docker('volume', 'rm', 'regime-aaaaaaaaaa-share');
  });

  it('has a share that a user who is not root can write into', async () => {
    const bed = await openSession(caller, ['--share', 'docker', IMAGE, '--user=1000']);
    await expectShareOutlivesReverts(bed, '/tmp/new');
    await bed.sh('rm -r "$CHECKBOX_DATA"/*');
    await bed.revert();
    expect(await bed.sh('ls -A "$CHECKBOX_DATA"')).to.equal('');
    await bed.quit();
    expect(engine.containers()).to.deep.equal([]);
  });
});

/**
 * Writes into the session share, and finds it as it was after each of two reverts.
 * @param path a file that a revert has to take away
 */
async function expectShareOutlivesReverts(bed: OpenSession, path: string): Promise<void> {
  await bed.sh('cd "$REGIME_SESSION_SHARE" && echo kept >file && chmod 640 file && mkdir d');
  for (const _ of [1, 2]) {
    await bed.sh(`echo spoilt >${path}`);
    await bed.revert();
    const look = `cd "$PLAINBOX_SESSION_SHARE" && ls -A && cat file && stat -c %a file . && ! [ -e ${path} ]`;
    expect(await bed.sh(look)).to.equal('d\nfile\nkept\n640\n1777');
  }
}
