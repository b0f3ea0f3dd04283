import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import { runCommand } from '../../../src/conform/command.ts';
import { until } from '../support/until.ts';
import { importBusybox, startEngine, type TestEngine } from '../../support/docker.ts';
import { projectRoot, serverArgv, startServer, type TestServer } from '../../support/server.ts';
import { skip } from '../../support/skip.ts';
import { SOAK } from '../../support/soak.ts';
import { fileTempDir, tempDir } from '../../support/tempdir.ts';
import { hasPlainUser, plainUser } from '../../support/user.ts';

const IMAGE = 'busybox:test';

/** Containers of somebody else's, the last two with names and labels that look like ours. */
const BYSTANDERS: Record<string, string[]> = {
  bystander: ['-v', 'precious:/volume'],
  'regime-0123456789-1': ['--label', 'regime.session=0123456789'],
  'regime-0123456789-2': ['--label', 'regime.session=', '--label', 'regime.owner=me@elsewhere'],
};

describe('containers of a Docker engine', function () {
  this.timeout(90_000);
  let engine: TestEngine;
  let state: string;

  before(async function () {
    engine = await startEngine(this);
    importBusybox(engine);
    for (const [name, words] of Object.entries(BYSTANDERS))
      engine.docker('run', '-d', '--name', name, ...words, IMAGE, 'sleep', '1000000');
    state = fileTempDir();
  });

  const start = (...args: string[]) =>
    startServer(serverArgv('docker', ...args), {
      env: { ...engine.env, XDG_STATE_HOME: state },
    });
  const startOpen = async (...args: string[]) => {
    const server = start(...args);
    expect(await server.reply()).to.equal('ok');
    const scratch = ok(await server.command('open'));
    return { server, scratch };
  };
  const ours = () => engine.containers().filter((name) => !(name in BYSTANDERS));
  const expectBystandersOnly = () => {
    expect(engine.containers()).to.have.members(Object.keys(BYSTANDERS));
    expect(engine.docker('ps', '-q').split('\n')).to.have.length(3);
    expect(engine.docker('volume', 'ls', '-q')).to.equal('precious');
  };
  const reap = () =>
    spawnSync(process.execPath, [...serverArgv('reap').slice(1)], {
      env: { ...engine.env, XDG_STATE_HOME: state },
      encoding: 'utf8',
    });
  /** The server fails with one line that matches, and nothing is left. */
  const expectFailure = async (server: TestServer, words: RegExp) => {
    expect(await server.ended).to.deep.equal({ status: 12, signal: null });
    const lines = server
      .stderr()
      .split('\n')
      // Where the engine is gone, so is the way to take the testbed away.
      .filter((line) => line.includes('failure:') && !line.includes('failure: close:'));
    expect(lines, server.stderr()).to.have.length(1);
    expect(lines[0]).to.match(words);
  };

  it('run a whole session, bear labels, and are gone after it', async () => {
    const { server } = await startOpen(IMAGE, '--memory', '64m', '-e', 'X=y');
    const name = ours().find((one) => one.endsWith('-1')) ?? '';
    const label = engine.docker('inspect', '-f', '{{index .Config.Labels "regime.session"}}', name);
    expect(name).to.equal(`regime-${label}-1`);
    expect(engine.docker('inspect', '-f', '{{.HostConfig.Memory}}', name)).to.equal('67108864');
    ok(await server.command('revert'));
    ok(await server.command('close'));
    expect(ours()).to.deep.equal([]);
    ok(await server.command('open'));
    expect(await server.command('quit')).to.equal('ok');
    expect((await server.ended).status).to.equal(0);
    expect(ours()).to.deep.equal([]);
  });

  it('come back as they were after open, with the set-up done on the one that stood by', async () => {
    const setup = 'echo ready >/set-up-was-here';
    const { server, scratch } = await startOpen('--setup', setup, IMAGE);
    const auxverb = await prefixOf(server);
    await inside(auxverb, 'rm -rf /bin/vi /etc/passwd /set-up-was-here; touch "$0/mine"', scratch);
    await twoContainers(ours);
    expect(ok(await server.command('revert'))).to.equal(scratch);
    const after = await inside(
      await prefixOf(server),
      'cat /set-up-was-here; ls -d /bin/vi /etc/passwd; ls -A "$0"; stat -c %a "$0"',
      scratch,
    );
    expect(after).to.equal('ready\n/bin/vi\n/etc/passwd\n1777\n');
    // The commands of the one before have gone with it.
    const old = await runCommand([...auxverb, 'true']);
    expect(old.ending).to.deep.equal({ status: 255 });
    expect(await server.command('quit')).to.equal('ok');
  });

  it('are made anew where the one that stood by is gone, and where two would share something', async () => {
    const { server } = await startOpen(IMAGE);
    await twoContainers(ours);
    engine.docker('rm', '-f', ...ours().filter((name) => name.endsWith('-2')));
    ok(await server.command('revert'));
    expect(await server.command('quit')).to.equal('ok');

    const shared = tempDir();
    const other = await startOpen(IMAGE, '-v', `${shared}:/shared`);
    expect(other.server.stderr()).to.include('two at once would share a writable volume');
    const words = (await other.server.command('capabilities')).split(' ');
    expect(words).to.include('revert').and.not.to.include('revert-full-system');
    ok(await other.server.command('revert'));
    expect(ours()).to.have.length(1);
    expect(await other.server.command('quit')).to.equal('ok');

    const named = await startOpen(IMAGE, '--name', 'my-own-name');
    expect(ours()).to.deep.equal(['my-own-name']);
    ok(await named.server.command('revert'));
    expect(await named.server.command('quit')).to.equal('ok');
    expect(ours()).to.deep.equal([]);
  });

  it('fail with one line and a hint where there is no engine, no right, no image', async () => {
    const none = `unix://${tempDir()}/none.sock`;
    const lone = start('--host', none, IMAGE);
    lone.send('open\n');
    await expectFailure(
      lone,
      /cannot reach the engine at .*there is no such socket \(.*--host; .*\)/,
    );
    const absent = start('--pull=never', 'no-such-image:test');
    absent.send('open\n');
    await expectFailure(absent, /there is no image no-such-image:test .*\(.*\)/);
    const wrong = start(IMAGE, '--frobnicate');
    wrong.send('open\n');
    await expectFailure(wrong, /unknown flag: --frobnicate/);
    expect(ours()).to.deep.equal([]);
  });

  it('say so where the user may not use the socket', async function () {
    if (!hasPlainUser()) skip(this, 'there is no plain user to test as');
    const user = plainUser();
    const look = user.argv(['test', '-r', `${projectRoot}/node_modules/dockerode/package.json`]);
    if (spawnSync(look[0] ?? '', look.slice(1)).status !== 0) {
      skip(this, 'the checkout is closed to the plain user');
    }
    const host = `unix://${tempDir()}/docker.sock`;
    const server = startServer(user.serverArgv('docker', '--host', host, IMAGE));
    server.send('open\n');
    await expectFailure(server, /permission denied \(only root and members/);
  });

  it('take the common arguments without the docker command, and name one that is unknown', async () => {
    const path = fileTempDir();
    for (const name of ['perl', 'env', 'sh', 'flock']) link(name, path);
    const env = { ...engine.env, XDG_STATE_HOME: state, PATH: path };
    const argv = (...args: string[]) => serverArgv('docker', IMAGE, ...args);
    const server = startServer(argv('-m', '64m', '--tmpfs=/extra', '--label', 'a=b'), { env });
    server.send('open\n');
    expect([await server.reply(), ok(await server.reply())][0]).to.equal('ok');
    const [name = ''] = ours();
    expect(engine.docker('inspect', '-f', '{{.HostConfig.Memory}}', name)).to.equal('67108864');
    const auxverb = await prefixOf(server);
    expect(await inside(auxverb, 'grep -c " /extra tmpfs" /proc/mounts')).to.equal('1\n');
    expect(await server.command('quit')).to.equal('ok');
    const wrong = startServer(argv('--link=x'), { env });
    wrong.send('open\n');
    await expectFailure(wrong, /the argument --link=x of docker run is not known/);
  });

  it('that are killed while open are named with the cause', async () => {
    const { server, scratch } = await startOpen('--standby=0', IMAGE);
    const [name = ''] = ours();
    engine.docker('kill', name);
    server.send(`execute true /dev/null /dev/null /dev/null ${scratch}\n`);
    await expectFailure(server, /is gone: it has ended \(exited\) with exit code 137/);
    expect(server.stderr()).to.match(/ kill regime-/);
    expect(ours()).to.deep.equal([]);
  });

  it('that run out of memory are named so, and outlive a command that does', async () => {
    const limits = ['--memory', '16m', '--memory-swap', '16m'];
    const { server, scratch } = await startOpen('--standby=0', IMAGE, ...limits);
    const auxverb = await prefixOf(server);
    const greedy = [...auxverb, 'tail', '/dev/zero'];
    expect((await runCommand(greedy)).ending).to.deep.equal({ status: 137 });
    expect(await inside(auxverb, 'echo here')).to.equal('here\n');
    ok(await server.command('auxverb_debug_fail'));
    expect(server.stderr()).to.match(/ oom regime-/);
    // The kernel takes what offers itself most.
    const last = ['sh', '-c', 'echo 1000 >/proc/1/oom_score_adj; tail /dev/zero'];
    expect((await runCommand([...auxverb, ...last])).ending).to.deep.equal({ status: 255 });
    server.send(`execute true /dev/null /dev/null /dev/null ${scratch}\n`);
    const words = /is gone: it has ended \(exited\) with exit code 137, killed .*\(OOMKilled\)/;
    await expectFailure(server, words);
    expect(ours()).to.deep.equal([]);
  });

  it('whose image was removed while open are not made anew, in one line that says so', async () => {
    engine.docker('commit', 'bystander', 'short-lived:test');
    const { server } = await startOpen('short-lived:test');
    await twoContainers(ours);
    engine.docker('kill', ...ours());
    engine.docker('rmi', '-f', 'short-lived:test');
    server.send('revert\n');
    const words = /cannot create a container: .*image.*\(was the image removed\? .*\)$/i;
    await expectFailure(server, words);
    expect(ours()).to.deep.equal([]);
  });

  it('keep one that stands by for what is inside another testbed', async () => {
    const { server, scratch } = await startOpen(IMAGE, '+', 'null');
    await twoContainers(ours);
    const [spare = ''] = ours().filter((name) => name.endsWith('-2'));
    await inside(await prefixOf(server), 'echo "$0" >/mine', scratch);
    expect(ok(await server.command('revert'))).to.equal(scratch);
    const look = 'cat /mine 2>/dev/null; ls -A "$0"; cat /proc/self/cgroup';
    const id = engine.docker('inspect', '-f', '{{.Id}}', spare);
    expect(await inside(await prefixOf(server), look, scratch)).to.match(new RegExp(`^.*${id}`));
    expect(await server.command('quit')).to.equal('ok');
    expect(ours()).to.deep.equal([]);
  });

  it('hand on 50 commands at once, and 256 MiB through stdin and back', async () => {
    const { server } = await startOpen(IMAGE);
    const auxverb = await prefixOf(server);
    const numbers = Array.from({ length: 50 }, (_, n) => n);
    const outcomes = await Promise.all(
      numbers.map((n) => runCommand([...auxverb, 'sh', '-c', `cat; exit ${n}`], { input: `${n}` })),
    );
    expect(outcomes.map(({ stdout }) => stdout)).to.deep.equal(numbers.map(String));
    expect(outcomes.map(({ ending }) => ending)).to.deep.equal(
      numbers.map((status) => ({ status })),
    );

    const script = `head -c 268435456 /dev/zero | tr '\\0' 'x' | "$@" cat | md5sum;
      head -c 268435456 /dev/zero | tr '\\0' 'x' | md5sum`;
    const { stdout } = spawnSync('sh', ['-c', script, 'sh', ...auxverb], { encoding: 'latin1' });
    const [here, there] = stdout.trim().split('\n');
    expect(there).to.equal(here);
    expect(await server.command('quit')).to.equal('ok');
  });

  it('do not hang on what a command leaves behind, and end a command whose auxverb is ended', async () => {
    const { server } = await startOpen(IMAGE);
    const auxverb = await prefixOf(server);
    const began = Date.now();
    expect(await inside(auxverb, 'sleep 600 & echo done')).to.equal('done\n');
    expect(Date.now() - began).to.be.below(30_000);
    // What goes on writing is cut off too.
    expect(await inside(auxverb, 'while sleep 0.02; do echo x; done & echo done')).to.match(
      /^done/,
    );
    expect(await inside(auxverb, 'echo done; yes &')).to.match(/^done/);
    const argv = [...auxverb, 'sh', '-c', 'echo up; sleep 777; true'];
    const running = startServer(argv);
    expect(await running.reply()).to.equal('up');
    running.child.kill('SIGTERM');
    expect((await running.ended).signal).to.equal('SIGTERM');
    const look = 'grep -ls "[s]leep.777" /proc/[0-9]*/cmdline || true';
    await until(async () => (await inside(auxverb, look)) === '', 'the command has ended');
    expect(await server.command('quit')).to.equal('ok');
  });

  it('are reverted again and again without growth', async function () {
    const { server } = await startOpen(IMAGE);
    const rounds = SOAK ? 100 : 20;
    this.timeout(rounds * 5000);
    const descriptors = () =>
      spawnSync('ls', [`/proc/${server.child.pid ?? 0}/fd`]).stdout.toString();
    let before = 0;
    for (let round = 0; round < rounds; round++) {
      ok(await server.command('revert'));
      if (round === 4) before = descriptors().split('\n').length;
    }
    expect(descriptors().split('\n').length).to.be.at.most(before + 3);
    expect(ours().length).to.be.at.most(4);
    expect(await server.command('quit')).to.equal('ok');
    expect(ours()).to.deep.equal([]);
  });

  it('are taken away by a reap when their server was killed at any moment', async function () {
    const rounds = SOAK ? 200 : 20;
    this.timeout(rounds * 5000);
    for (let round = 0; round < rounds; round++) {
      const server = start(IMAGE);
      server.send('open\nrevert\nrevert\nclose\nopen\n');
      await server.reply();
      await sleep(randomInt(900));
      server.child.kill('SIGKILL');
      await server.ended;
    }
    const { status, stderr } = reap();
    expect(status, stderr).to.equal(0);
    expectBystandersOnly();
    expect(reap().status).to.equal(0);
  });

  it('whose engine is killed while open give one clear line, and are reaped when it is back', async () => {
    const { server } = await startOpen(IMAGE);
    await twoContainers(ours);
    await engine.kill();
    server.send('revert\n');
    await expectFailure(server, /revert: .*the engine does not answer/);
    await engine.start();
    const { status, stderr } = reap();
    expect(status, stderr).to.equal(0);
    expect(engine.containers()).to.have.members(Object.keys(BYSTANDERS));
  });
});

function ok(reply: string): string {
  expect(reply).to.match(/^ok( |$)/);
  return reply.slice(3);
}

async function prefixOf(server: TestServer): Promise<string[]> {
  const words = ok(await server.command('print-auxverb-command'));
  return words.split(',').map(decodeURIComponent);
}

async function inside(auxverb: string[], script: string, ...args: string[]): Promise<string> {
  const outcome = await runCommand([...auxverb, 'sh', '-c', script, ...args]);
  expect(outcome.ending, outcome.stderr).to.deep.equal({ status: 0 });
  return outcome.stdout;
}

/** Waits until the one that stands by is there. */
async function twoContainers(list: () => string[]): Promise<void> {
  for (let waited = 0; list().length < 2; waited += 50) {
    if (waited > 20_000) throw new Error('no container stands by');
    await sleep(50);
  }
}

function link(name: string, directory: string): void {
  mkdirSync(directory, { recursive: true });
  spawnSync('sh', ['-c', 'ln -sf "$(command -v "$0")" "$1/$0"', name, directory]);
}
