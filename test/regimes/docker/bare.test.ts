import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';
import fc from 'fast-check';

import { bufferOf } from '../../../src/bytes.ts';
import { selfAs, type Caller } from '../../crash/caller.ts';
import { makeTrees, tree } from '../../place/copy/support/random-tree.ts';
import { differences, walkTree, type Seen } from '../../place/copy/support/tree-walk.ts';
import {
  importShellless,
  importTarball,
  removeTar,
  startEngine,
  type TestEngine,
} from '../../support/docker.ts';
import { debianTarball, hasFixtures } from '../../support/fixtures.ts';
import { skip } from '../../support/skip.ts';
import { SOAK } from '../../support/soak.ts';
import { fileTempDir, tempDir } from '../../support/tempdir.ts';
import { openSession, refusedOpen, type OpenSession } from '../support/session.ts';
import { until } from '../support/until.ts';

describe('Containers of an image with nothing but a static binary', function () {
  this.timeout(300_000);
  let engine: TestEngine;
  let caller: Caller;
  let image: string;

  before(async function () {
    engine = await startEngine(this);
    image = importShellless(engine);
    caller = selfAs(fileTempDir());
    Object.assign(caller.env, engine.env);
  });

  const open = (...args: string[]) => openSession(caller, ['docker', ...args]);
  const file = async (session: OpenSession, path: string) =>
    (await session.run('/busybox', 'cat', path)).stdout;

  it('run commands with any argument, an environment of their own and all exit statuses', async () => {
    const session = await open(image);
    expect(await session.capabilities()).to.include.members([
      'revert',
      'revert-full-system',
      'root-on-testbed',
      'suggested-normal-user=regime',
    ]);
    const words = await session.run('/busybox', 'printf', '%s|', 'a b', '', 'new\n', '%41,');
    expect(words.stdout).to.equal('a b||new\n|%41,|');
    const environment = (await session.run('busybox', 'env')).stdout.split('\n');
    // The binary lies in no directory of a login's PATH.
    expect(environment).to.deep.equal(['']);
    const { stdout } = await session.run('/busybox', 'env');
    expect(stdout).to.match(/^PATH=\/usr\/local\/sbin:.*\nHOME=\/root\nUSER=root\n/);
    const status = async (...command: string[]) => (await session.run(...command)).status;
    expect(await status('/busybox', 'false')).to.equal(1);
    expect(await status('no-such-program')).to.equal(127);
    expect(await status('/tmp')).to.equal(126);
    expect(await status('/busybox', 'sh', '-c', 'exit 255')).to.equal(253);
    expect(await status('/busybox', 'sh', '-c', 'kill -9 $$')).to.equal(137);
    const look = await session.run('/busybox', 'stat', '-c', '%a %u', session.scratch);
    expect(look.stdout).to.equal('1777 0\n');
    expect(await file(session, '/etc/passwd')).to.match(/^regime:x:1000:1000:/m);
    await session.quit();
    expect(engine.containers()).to.deep.equal([]);
  });

  it('execute with files there, and a time limit that ends all that was started', async () => {
    const session = await open(image);
    const { server, scratch } = session;
    const here = tempDir();
    writeFileSync(`${here}/in`, 'some input\n');
    expect(await server.command(`copydown ${here}/in ${scratch}/in`)).to.equal('ok');
    const command = '/busybox,sh,-c,cat%3B%20pwd%3B%20echo%20%24A%20>%262';
    const files = `${scratch}/in ${scratch}/out ${scratch}/err ${scratch}`;
    expect(await server.command(`execute ${command} ${files} env=A=b`)).to.equal('ok 0');
    expect(await file(session, `${scratch}/out`)).to.equal(`some input\n${scratch}\n`);
    expect(await file(session, `${scratch}/err`)).to.equal('b\n');
    const odd = '/busybox,printf,%25s%7C,%FF%FE,,a%2Cb';
    expect(await server.command(`execute ${odd} ${files}`)).to.equal('ok 0');
    expect(await file(session, `${scratch}/out`)).to.equal('\xff\xfe||a,b|');
    const script = '/busybox,sh,-c,/busybox%20setsid%20/busybox%20sleep%20777%20%26%20sleep%20777';
    const nowhere = '/dev/null /dev/null /dev/null /';
    expect(await server.command(`execute ${script} ${nowhere} timeout=1`)).to.equal('timeout');
    const sleepers = async () => (await session.run('/busybox', 'pgrep', '-f', 'sleep 777')).stdout;
    await until(async () => (await sleepers()) === '', 'the sleepers were gone');
    await session.quit();
  });

  it('take and give files and trees by way of the engine, whatever their names are', async () => {
    const session = await open(image);
    const { server, scratch } = session;
    let round = 0;
    await fc.assert(
      fc.asyncProperty(tree, async (random) => {
        const here = tempDir();
        makeTrees(here, [random]);
        const there = `${scratch}/${++round}/`;
        expect(await server.command(`copydown ${here}/0/ ${there}`)).to.equal('ok');
        expect(await server.command(`copyup ${there} ${here}/up/`)).to.equal('ok');
        const seen = (name: string) => coarse(walkTree(`${here}/${name}`, 0o1777));
        expect(differences(seen('up'), seen('0'))).to.deep.equal([]);
      }),
      { numRuns: SOAK ? 100 : 5 },
    );
    expect(server.stderr().match(/has no tar: copies lose holes/g)).to.have.length(1);
    const here = tempDir();
    const name = bufferOf(`${here}/\xff`);
    writeFileSync(name, 'x'.repeat(3_000_000), { mode: 0o755 });
    expect(await server.command(`copydown ${here}/%FF ${scratch}/%FF`)).to.equal('ok');
    expect(await server.command(`copyup ${scratch}/%FF ${here}/back`)).to.equal('ok');
    expect(readFileSync(`${here}/back`).equals(readFileSync(name))).to.equal(true);
    for (const [from, to] of [
      [`${here}/none`, `${scratch}/x`],
      [`${here}/`, `${scratch}/no/parent/`],
      [`${here}/`, `${scratch}/%FF/`],
      [`${here}/back`, '/etc'],
    ] as const) {
      expect(await server.command(`copydown ${from} ${to}`)).to.equal('copy-failed');
    }
    for (const path of [`${scratch}/none`, `${scratch}/none/`, `${scratch}/%FF/`, '/etc']) {
      const to = path.endsWith('/') ? `${here}/to/` : `${here}/to`;
      expect(await server.command(`copyup ${path} ${to}`)).to.equal('copy-failed');
    }
    await session.quit();
  });

  it('have nothing half of a copy that was stopped, by its time limit or by a signal', async () => {
    const { programs, isDead } = haltingTar();
    const PATH = `${programs}:${process.env['PATH'] ?? ''}`;
    const env = { ...caller.env, PATH, AUTOPKGTEST_VIRT_COPY_TIMEOUT: '3' };
    const args = ['docker', '--dialect=classic', image];
    const session = await openSession({ ...caller, env }, args);
    const { server, scratch } = session;
    const here = tempDir();
    mkdirSync(`${here}/t`);
    writeFileSync(`${here}/t/new`, 'new'.repeat(10_000));
    await session.run('/busybox', 'mkdir', '-p', `${scratch}/t/old`);
    expect(await server.command(`copydown ${here}/t/ ${scratch}/t/`)).to.equal('timeout');
    await until(isDead, 'the sender was dead');
    const list = async (path: string) => (await session.run('/busybox', 'ls', '-A', path)).stdout;
    expect([await list(scratch), await list(`${scratch}/t`)]).to.deep.equal(['t\n', 'old\n']);
    expect(await server.command(`copyup ${scratch}/ ${here}/up/`)).to.equal('timeout');
    expect(readdirSync(here)).to.deep.equal(['t']);
    rmSync(`${programs}/pid`);
    server.send(`copyup ${scratch}/ ${here}/up/\n`);
    await until(() => existsSync(`${programs}/pid`), 'the copy was under way');
    server.child.kill('SIGTERM');
    expect(await server.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
    await until(isDead, 'the receiver was dead');
    expect(readdirSync(here)).to.deep.equal(['t']);
    expect(engine.containers()).to.deep.equal([]);
  });

  it('replace a directory as a whole, and revert to what the image holds', async () => {
    const session = await openSession(caller, ['docker', '--dialect=classic', image]);
    const { server, scratch } = session;
    const here = tempDir();
    mkdirSync(`${here}/t`);
    writeFileSync(`${here}/t/old`, 'old');
    expect(await server.command(`copydown ${here}/t/ ${scratch}/t/`)).to.equal('ok');
    rmSync(`${here}/t/old`);
    writeFileSync(`${here}/t/new`, 'new');
    expect(await server.command(`copydown ${here}/t/ ${scratch}/t/`)).to.equal('ok');
    const list = async (path: string) => (await session.run('/busybox', 'ls', '-A', path)).stdout;
    expect(await list(`${scratch}/t`)).to.equal('new\n');
    expect(await list(scratch)).to.equal('t\n');
    for (const path of ['/', '/etc/hosts/../', '/proc/']) {
      expect(await server.command(`copydown ${here}/t/ ${path}`)).to.equal('copy-failed');
    }
    await session.revert();
    expect(await list(scratch)).to.equal('');
    expect((await session.run('/busybox', 'true')).status).to.equal(0);
    await session.quit();
    expect(engine.containers()).to.deep.equal([]);
  });

  it('have no set-up commands and no shell, and say so', async () => {
    const refusal = await refusedOpen(caller, ['docker', '--setup', 'true', image]);
    expect(refusal.lines.filter((line) => line.includes('want a shell'))).to.have.length(1);
    expect(refusal.status).to.equal(12);
    const session = await open(image);
    expect(await session.server.command('shell /')).to.equal('ok');
    await session.quit();
    expect(session.server.stderr()).to.match(/shell: the container .* has no shell/);
    expect(engine.containers()).to.deep.equal([]);
  });

  it('run without what the image itself would start', async () => {
    engine.docker('create', '--name', 'entry', '--entrypoint', '/busybox', image, 'false');
    engine.docker('commit', '--change', 'USER 1234:77', 'entry', 'entry:test');
    engine.docker('rm', 'entry');
    const session = await open('entry:test');
    expect((await session.run('/busybox', 'id', '-u')).stdout).to.equal('1234\n');
    const here = tempDir();
    mkdirSync(`${here}/t`);
    expect(await session.server.command(`copydown ${here}/t/ ${session.scratch}/t/`)).to.equal(
      'ok',
    );
    const { stdout } = await session.run('/busybox', 'stat', '-c', '%u:%g', `${session.scratch}/t`);
    expect(stdout).to.equal('1234:77\n');
    expect((await session.capabilities()).join(' ')).to.not.include('root');
    await session.quit();
  });

  it('are merged into through links, where there is a shell but no tar', async function () {
    if (!hasFixtures()) skip(this, 'there is no root file system to test with');
    const session = await open(removeTar(engine, importTarball(engine, debianTarball(), 'd:test')));
    const here = tempDir();
    mkdirSync(`${here}/t/lib/deep`, { recursive: true });
    mkdirSync(`${here}/t/home`, { mode: 0o750 });
    writeFileSync(`${here}/t/lib/deep/file`, 'new');
    await session.sh('chown 5:6 /home');
    expect(await session.server.command(`copydown ${here}/t/ /`)).to.equal('ok');
    const script = 'readlink /lib; cat /usr/lib/deep/file; stat -c " %a %u:%g" /home';
    expect(await session.sh(script)).to.equal('usr/lib\nnew 750 5:6');
    // What is no directory is not replaced by one.
    mkdirSync(`${here}/t/etc/passwd`, { recursive: true });
    expect(await session.server.command(`copydown ${here}/t/ /`)).to.equal('copy-failed');
    expect(await session.sh('test -f /etc/passwd && echo kept')).to.equal('kept');
    await session.quit();
  });
});

/** A tar that does a part of its work, writes its pid into a file and hangs. */
function haltingTar(): { programs: string; isDead(): boolean } {
  const programs = tempDir();
  const script = `#!/bin/sh
case " $* " in *" -c "*) /usr/bin/env -u TAR_OPTIONS /bin/tar "$@" | head -c 3000 ;; *) head -c 512 >/dev/null ;; esac
echo $$ >${programs}/new; mv ${programs}/new ${programs}/pid
exec sleep 1000
`;
  writeFileSync(`${programs}/tar`, script, { mode: 0o755 });
  const isDead = () => {
    const pid = readFileSync(`${programs}/pid`, 'utf8').trim();
    // A zombie that process 1 has not taken yet is dead.
    return !existsSync(`/proc/${pid}/cmdline`) || readFileSync(`/proc/${pid}/cmdline`).length === 0;
  };
  return { programs, isDead };
}

/** What the engine keeps: no fractions of seconds, no times before 1970 and no holes. */
function coarse(seen: Seen[]): Seen[] {
  return seen.map((entry) => {
    const seconds = BigInt(entry.mtime) / 1_000_000_000n;
    return { ...entry, holes: false, mtime: String(seconds < 0n ? 0n : seconds) };
  });
}
