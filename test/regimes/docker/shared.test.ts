import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

import { expect } from 'chai';

import { decode } from '../../../src/client/codec.ts';
import { runConform } from '../../conform/run-conform.ts';
import { importBusybox, startEngine, type TestEngine } from '../../support/docker.ts';
import { projectRoot, serverArgv, startServer, type TestServer } from '../../support/server.ts';
import { skip } from '../../support/skip.ts';
import { fileTempDir, tempDir } from '../../support/tempdir.ts';
import { hasPlainUser, plainUser } from '../../support/user.ts';

describe('the docker regime with --shared-dir', function () {
  this.timeout(120_000);
  let engine: TestEngine;
  let image: string;
  let env: NodeJS.ProcessEnv;

  before(async function () {
    engine = await startEngine(this);
    image = importBusybox(engine);
    env = { ...engine.env, XDG_STATE_HOME: fileTempDir() };
  });

  const start = (...args: string[]) => startServer(serverArgv('docker', ...args), { env });

  it('shows the scratch space on the host, anew after each revert', async () => {
    const base = `${tempDir()}/made/here`;
    const server = start('--shared-dir', base, image);
    const scratch = await open(server);
    const first = await onHost(server);
    expect(first.startsWith(`${base}/regime-`)).to.equal(true);
    expect(statSync(dirname(dirname(first))).mode & 0o777).to.equal(0o700);
    expect(statSync(first).mode & 0o7777).to.equal(0o755);
    await inside(server, 'echo from-inside >"$0/a"; cat "$0/b" 2>/dev/null || true', scratch);
    expect(readFileSync(`${first}/a`, 'latin1')).to.equal('from-inside\n');
    writeFileSync(`${first}/b`, 'from-outside');
    expect(await inside(server, 'cat "$0/b"', scratch)).to.equal('from-outside');

    expect(await server.command('revert')).to.equal(`ok ${scratch}`);
    const second = await onHost(server);
    expect(second).not.to.equal(first);
    expect(readdirSync(second)).to.deep.equal([]);
    await inside(server, 'echo again >"$0/a"', scratch);
    expect(readFileSync(`${second}/a`, 'latin1')).to.equal('again\n');

    expect(await server.command('close')).to.equal('ok');
    // It was not there before.
    expect(existsSync(base)).to.equal(false);
    expect((await server.command('capabilities')).split(' ').join()).not.to.include('downtmp');
    expect(await server.command('quit')).to.equal('ok');
  });

  it('keeps the rules', async () => {
    const rules = ['CAP', 'SCRATCH', 'REVERT', 'COPY-11'].flatMap((rule) => ['--only', rule]);
    const base = tempDir();
    const server = serverArgv('docker', '--host', engine.host, '--shared-dir', base, image);
    const argv = [...rules, '--', ...server];
    const { results, errors } = await runConform(argv, serverArgv('conform'));
    const failed = results.filter(({ passed }) => !passed);
    expect(failed.map((one) => `${one.title}\n${one.diagnostics}`).join('\n'), errors).to.equal('');
    expect(results.length).to.be.above(20);
    expect(readdirSync(base)).to.deep.equal([]);
  });

  it('leads nobody out of it by links that the container plants', async () => {
    const base = tempDir();
    const outside = tempDir();
    writeFileSync(`${outside}/file`, 'precious', { mode: 0o640 });
    mkdirSync(`${outside}/directory`);
    const before = describeTree(outside);
    const server = start('--shared-dir', base, image);
    const scratch = await open(server);
    const shared = await onHost(server);
    // In the container they lead nowhere; on the host they would.
    await inside(
      server,
      `cd "$0"; ln -s ${outside}/file f; ln -s ${outside} d; mkdir -p ${outside}/directory
       ln -s ${outside} ${dirname(scratch)}/beside; chmod u+s /bin/busybox; cp -p /bin/busybox .`,
      scratch,
    );
    const source = tempDir();
    writeFileSync(`${source}/x`, 'data');
    for (const words of [
      `${source}/x ${scratch}/f`,
      `${source}/ ${scratch}/d/`,
      `${source}/x ${scratch}/d/directory/x`,
    ])
      expect(await server.command(`copydown ${words}`)).to.match(/^(ok|copy-failed)$/);
    const up = tempDir();
    expect(await server.command(`copyup ${scratch}/ ${up}/up/`)).to.equal('ok');
    expect(describeTree(outside)).to.equal(before);
    // The scratch space itself is one now.
    await inside(server, `cd /; rm -rf "$0"; ln -s ${outside} "$0"`, scratch);
    expect(statSync(shared).ino).to.equal(statSync(outside).ino);
    expect(await server.command('revert')).to.equal(`ok ${scratch}`);
    await inside(server, `rm -rf "$0"; ln -s ${outside} "$0"`, scratch);
    expect(await server.command('quit')).to.equal('ok');
    expect(describeTree(outside)).to.equal(before);
    expect(readdirSync(base)).to.deep.equal([]);
  });

  it('shares nothing with an engine that is said to be elsewhere', async () => {
    const base = tempDir();
    const server = start('--remote', '--shared-dir', base, image);
    await open(server);
    expect(readdirSync(base)).to.deep.equal([]);
    expect(await server.command('capabilities')).not.to.include('downtmp');
    expect(server.stderr()).to.include('downtmp-host is not advertised: the engine is on another');
    expect(await server.command('quit')).to.equal('ok');
  });

  it('takes no directory in which others could exchange what is made', async () => {
    const open = tempDir();
    chmodSync(open, 0o777);
    writeFileSync(`${open}/file`, '');
    for (const [name, words] of [
      [open, 'can be written to by others'],
      [`${open}/file`, 'is no directory'],
    ] as const) {
      const server = start('--shared-dir', name, image);
      expect(await server.ended).to.deep.equal({ status: 2, signal: null });
      expect(server.stderr()).to.include(words);
    }
  });

  it('is taken away by a reap when the server was killed', async () => {
    const base = `${tempDir()}/base`;
    const server = start('--shared-dir', base, image);
    await open(server);
    server.child.kill('SIGKILL');
    await server.ended;
    expect(readdirSync(base)).to.have.length(1);
    const argv = serverArgv('reap');
    const { status, stderr } = spawnSync(argv[0] ?? '', argv.slice(1), { env, encoding: 'utf8' });
    expect(status, stderr).to.equal(0);
    expect(existsSync(base)).to.equal(false);
    expect(engine.containers()).to.deep.equal([]);
  });

  it('leaves nothing of what root made there behind a plain user who may use the engine', async function () {
    if (!hasPlainUser()) skip(this, 'there is no plain user to test as');
    const user = plainUser();
    const look = user.argv(['test', '-r', `${projectRoot}/node_modules/dockerode/package.json`]);
    if (spawnSync(look[0] ?? '', look.slice(1)).status !== 0) {
      skip(this, 'the checkout is closed to the plain user');
    }
    const directory = dirname(engine.socket);
    chmodSync(directory, 0o711);
    chmodSync(engine.socket, 0o666);
    try {
      const base = `${user.home}/shared`;
      const argv = user.serverArgv('docker', '--host', engine.host, '--shared-dir', base, image);
      const server = startServer(argv);
      const scratch = await open(server);
      const script = 'mkdir -m 700 "$0/d"; touch "$0/d/.x" "$0/.y" "$0/..z"';
      await inside(server, script, scratch);
      expect(await server.command('revert')).to.equal(`ok ${scratch}`);
      await inside(server, script, scratch);
      expect(await server.command('quit')).to.equal('ok');
      expect(existsSync(base)).to.equal(false);
      expect(engine.containers()).to.deep.equal([]);
    } finally {
      chmodSync(directory, 0o700);
      chmodSync(engine.socket, 0o660);
    }
  });
});

async function open(server: TestServer): Promise<string> {
  expect(await server.reply()).to.equal('ok');
  const reply = await server.command('open');
  expect(reply, server.stderr()).to.match(/^ok \//);
  return decode(reply.slice(3));
}

/** What `downtmp-host` says. */
async function onHost(server: TestServer): Promise<string> {
  const words = (await server.command('capabilities')).split(' ');
  expect(words.join(' ')).not.to.include('isolation');
  const [word = ''] = words.filter((one) => one.startsWith('downtmp-host='));
  return decode(word.slice('downtmp-host='.length));
}

async function inside(server: TestServer, script: string, ...args: string[]): Promise<string> {
  const words = (await server.command('print-auxverb-command')).slice(3).split(',');
  const argv = [...words.map(decode), 'sh', '-c', script, ...args];
  const { status, stdout, stderr } = spawnSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8' });
  expect(status, stderr).to.equal(0);
  return stdout;
}

/** All that could be changed about what is in a directory. */
function describeTree(directory: string): string {
  const argv = [directory, '-printf', '%p %y %m %U:%G %s %T@\n'];
  return spawnSync('find', argv, { encoding: 'utf8' }).stdout;
}
