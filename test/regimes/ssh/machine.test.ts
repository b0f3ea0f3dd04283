import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';

import { expect } from 'chai';

import { startMachine, type TestMachine } from '../../support/machine.ts';
import { serverArgv, startServer, type TestServer } from '../../support/server.ts';
import { tempDir } from '../../support/tempdir.ts';

/** Leaves a file in the session share, and finds it there. */
const SHARE = 'echo shared >"$REGIME_SESSION_SHARE/file"';
const SHARED = 'cat "$REGIME_SESSION_SHARE/file"';

/** A machine whose root's home, /run and /tmp are new after each boot. */
describe('a machine behind ssh', () => {
  let box: TestMachine;
  let directory: string;

  before(async function () {
    box = await startMachine(this);
  });

  beforeEach(() => {
    directory = tempDir();
  });

  const start = (...words: string[]): TestServer =>
    startServer(serverArgv('--state-dir', directory, 'ssh', ...words));
  const given = (...more: string[]): string[] => [
    ...['-F', box.config, '-l', 'root', ...more, 'testbed'],
  ];
  /** Runs a script on the testbed by the auxverb. */
  const run = async (server: TestServer, script: string) => {
    const reply = await server.command('print-execute-command');
    const [program = '', ...words] = reply.slice('ok '.length).split(',').map(decodeURIComponent);
    const { stdout, stderr, status } = spawnSync(program, [...words, 'sh', '-c', script], {
      encoding: 'utf8',
    });
    return { stdout, stderr, status };
  };
  const opened = async (server: TestServer) => {
    expect(await server.reply()).to.equal('ok');
    const reply = await server.command('open');
    expect(reply).to.match(/^ok \//, server.stderr());
    return reply.slice('ok '.length);
  };
  const records = () =>
    readdirSync(`${directory}/sessions`).filter((name) => name.endsWith('.session'));

  /** A setup script of which each call is noted down. */
  function setupScript(cases: string): string {
    const path = `${directory}/setup`;
    const text = `#!/bin/sh
      echo "$@" >>${directory}/calls
      answer() {
        echo login=root; echo hostname=127.0.0.1; echo port=${box.port}; echo identity=${box.identity}
        echo extraopts=--id=7
      }
      ssh() { command ${box.ssh('root').join(' ')} "$@"; }
      case $1 in
        ${cases}
        cleanup) ;;
        *) exit 1 ;;
      esac`;
    writeFileSync(path, text);
    chmodSync(path, 0o755);
    return path;
  }
  const calls = () => readFileSync(`${directory}/calls`, 'utf8').trim().split('\n');

  it('is rebooted, and keeps the scratch space and its auxverb', async function () {
    this.timeout(120_000);
    const server = start('--share', ...given('--reboot'));
    const scratch = await opened(server);
    expect(await server.command('capabilities')).to.match(/ reboot .*root-on-testbed/);
    await run(server, `echo kept >${scratch}/file; echo lost >/root/file; ${SHARE}`);
    const auxverb = await server.command('print-execute-command');
    const boots = box.boots();
    expect(await server.command('reboot')).to.equal('ok');
    expect(box.boots()).to.equal(boots + 1);
    expect(await server.command('print-execute-command')).to.equal(auxverb);
    const { stdout } = await run(server, `cat ${scratch}/file; ls /root; echo $HOME; ${SHARED}`);
    expect(stdout).to.equal('kept\n/root\nshared\n');
    expect(await server.command('quit')).to.equal('ok');
    expect(records()).to.deep.equal([]);
  });

  it('may reboot by itself once all is prepared', async function () {
    this.timeout(120_000);
    const server = start(...given('--reboot'));
    const scratch = await opened(server);
    const mark = '/run/autopkgtest-reboot-prepare-mark';
    await run(server, `touch ${mark} ${scratch}/file`);
    // As the test does it: it reboots as soon as it is told that all is saved.
    await run(
      server,
      `setsid sh -c 'while [ -e ${mark} ]; do sleep 0.01; done; reboot' >/dev/null 2>&1 &`,
    );
    expect(await server.command('reboot prepare-only')).to.equal('ok');
    expect((await run(server, `ls ${scratch}`)).stdout).to.equal('file\n');
  });

  it('is put back by a command of this host, also when it is closed', async function () {
    this.timeout(120_000);
    const command = `echo called >>${directory}/reverts; ${box.ssh('root').join(' ')} reboot; sleep 0.5`;
    const server = start('--share', ...given('--revert-command', command));
    const scratch = await opened(server);
    const words = await server.command('capabilities');
    expect(words.split(' ')).to.include('revert').and.not.include('revert-full-system');
    await run(server, `echo lost >/root/file; ${SHARE}`);
    expect(await server.command('revert')).to.equal(`ok ${scratch}`);
    expect((await run(server, SHARED)).stdout).to.equal('shared\n');
    expect((await run(server, `ls /root ${scratch}`)).stdout).to.equal(`/root:\n\n${scratch}:\n`);
    expect(await server.command('close')).to.equal('ok');
    expect(readFileSync(`${directory}/reverts`, 'utf8')).to.equal('called\ncalled\n');
  });

  it('that can not be put back is a failure that says why', async function () {
    this.timeout(120_000);
    const server = start(...given('--revert-command', 'echo no such snapshot; exit 4'));
    await opened(server);
    server.send('revert\n');
    expect((await server.ended).status).to.equal(12);
    expect(server.stderr()).to.match(
      /^regime: failure: revert: the revert command failed: sh -c echo .*: exit status 4: no such snapshot$/m,
    );
  });

  it('is made, put back, rebooted and cleaned up by a setup script', async function () {
    this.timeout(120_000);
    const script = setupScript(`
      open) answer; echo capabilities=isolation-machine,revert,revert-full-system reboot ;;
      revert) ssh reboot; sleep 0.5; answer ;;
      wait-reboot) exit 1 ;;`);
    const server = start('--share', '-s', script, '--', '-x', 'a b');
    const scratch = await opened(server);
    const words = (await server.command('capabilities')).split(' ');
    expect(words).to.include.members(['revert', 'reboot', 'root-on-testbed', 'isolation-machine']);
    await run(server, `echo lost >/root/file; ${SHARE}`);
    expect(await server.command('revert')).to.equal(`ok ${scratch}`);
    expect((await run(server, `ls /root; ${SHARED}`)).stdout).to.equal('shared\n');
    expect(await server.command('reboot')).to.equal('ok');
    expect((await run(server, 'echo up')).stdout).to.equal('up\n');
    expect(await server.command('quit')).to.equal('ok');
    const later = '-x a b --id=7';
    expect(calls()).to.deep.equal([
      'open -x a b',
      `revert ${later}`,
      `wait-reboot ${later}`,
      `cleanup ${later}`,
    ]);
    expect(records()).to.deep.equal([]);
  });

  it('that a setup script made is cleaned up after the server was killed', async function () {
    this.timeout(120_000);
    const script = setupScript('open) answer; echo password=hush-hush ;;');
    const server = start('-s', script);
    await opened(server);
    const [name = ''] = records();
    const record = readFileSync(`${directory}/sessions/${name}/session`, 'latin1');
    expect(record).to.contain('127.0.0.1').and.not.contain('hush');
    server.child.kill('SIGKILL');
    await server.ended;
    const reaped = spawnSync(process.execPath, [
      ...serverArgv('reap', '--state-dir', directory).slice(1),
    ]);
    expect(reaped.status).to.equal(0, reaped.stderr.toString());
    expect(calls()).to.deep.equal(['open', 'cleanup --id=7']);
    expect(records()).to.deep.equal([]);
  });

  it('that a setup script can not make is cleaned up, and what it knows is told', async function () {
    const script = setupScript(`
      open) echo 'no machine is free' >&2; exit 3 ;;
      debug-failure) echo 'console: panic' >&2 ;;`);
    const server = start('-s', script);
    server.send('open\n');
    expect((await server.ended).status).to.equal(12);
    expect(server.stderr()).to.match(/debug-failure: console: panic/);
    expect(server.stderr()).to.match(
      /^regime: failure: open: the setup script failed: .*setup open: exit status 3: no machine is free/m,
    );
    expect(calls()).to.deep.equal(['open', 'debug-failure', 'cleanup']);
    expect(existsSync(`${directory}/sessions`) ? records() : []).to.deep.equal([]);
  });

  it('is left where it can not be told from itself after a reboot', async function () {
    this.timeout(120_000);
    const onMachine = (script: string) => {
      const [program = '', ...words] = box.ssh('root');
      expect(spawnSync(program, [...words, script]).status).to.equal(0);
    };
    onMachine('mount --bind /dev/null /proc/1/stat');
    const server = start(...given('--reboot'));
    server.send('open\n');
    expect((await server.ended).status).to.equal(12);
    expect(server.stderr()).to.match(
      /^regime: failure: open: cannot tell reboots of root@testbed/m,
    );
    onMachine('umount /proc/1/stat; ! ls -d /tmp/regime-* | grep -v regime-test');
    expect(records()).to.deep.equal([]);
    await opened(start('--wait=0', ...given()));
  });

  it('is had by one server at a time', async function () {
    this.timeout(120_000);
    const first = start(...given());
    await opened(first);
    mkdirSync(`${directory}/second`);
    const words = serverArgv('--state-dir', `${directory}/second`, 'ssh', ...given());
    const second = startServer(words);
    expect(await second.reply()).to.equal('ok');
    const impatient = startServer([...words, '--wait=0']);
    impatient.send('open\n');
    expect((await impatient.ended).status).to.equal(12);
    expect(impatient.stderr()).to.match(/root@testbed is used by \w+@.* \(process \d+\), since /);
    second.send('open\n');
    first.child.kill('SIGKILL');
    expect(await second.reply()).to.match(/^ok \//);
  });
});
