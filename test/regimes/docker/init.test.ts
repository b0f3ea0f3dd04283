import { spawnSync } from 'node:child_process';

import { expect } from 'chai';

import { runCommand } from '../../../src/conform/command.ts';
import {
  importBusybox,
  importTarball,
  startEngine,
  type TestEngine,
} from '../../support/docker.ts';
import { bootableTarball, hasFixtures } from '../../support/fixtures.ts';
import { serverArgv, startServer, type TestServer } from '../../support/server.ts';
import { skip } from '../../support/skip.ts';
import { fileTempDir } from '../../support/tempdir.ts';
import { until } from '../support/until.ts';

/** busybox as process 1: a boot script that takes a while, and a process that is kept running. */
const INITTAB = '::sysinit:/etc/init.d/rcS\n::respawn:/bin/sleep 1000000\n';
const LABEL = 'org.debian.autopkgtest.init';

describe('containers that boot an init', function () {
  this.timeout(120_000);
  let engine: TestEngine;
  let state: string;

  before(async function () {
    engine = await startEngine(this);
    importBusybox(engine);
    change('busybox:test', 'booting:test', bootScript('sleep 1; echo up >/booted'), {
      label: `${LABEL}=busybox`,
    });
    state = fileTempDir();
  });

  /** Makes an image of another one by a script that runs in it. */
  function change(from: string, to: string, script: string, { label = '' } = {}): void {
    const name = `makes-${to.replace(/\W/g, '-')}`;
    engine.docker('run', '--name', name, from, 'sh', '-ec', script);
    engine.docker('commit', ...(label ? ['--change', `LABEL ${label}`] : []), name, to);
    engine.docker('rm', name);
  }
  const start = (...args: string[]) =>
    startServer(serverArgv('docker', ...args), { env: { ...engine.env, XDG_STATE_HOME: state } });
  const startOpen = async (...args: string[]) => {
    const server = start(...args);
    expect(await server.reply()).to.equal('ok');
    return { server, scratch: ok(await server.command('open'), server) };
  };
  const expectFailure = async (server: TestServer, words: RegExp) => {
    expect(await server.ended).to.deep.equal({ status: 12, signal: null });
    expect(server.stderr()).to.match(words);
    expect(engine.containers()).to.deep.equal([]);
  };

  it('as the label of the image says, are up when they are handed out, and reboot', async () => {
    const { server, scratch } = await startOpen('--share', 'booting:test');
    const words = (await server.command('capabilities')).split(' ');
    expect(words).to.include.members(['reboot', 'isolation-container', 'revert-full-system']);
    expect(await inside(server, 'cat /booted /proc/1/comm')).to.equal('up\ninit\n');
    const boot = await inside(server, BOOT);
    await inside(
      server,
      'rm /booted; for f in /file "$0/file" "$CHECKBOX_DATA/file"; do echo kept >"$f"; done; : >/run/gone',
      scratch,
    );
    expect(await server.command('reboot')).to.equal('ok');
    expect(await inside(server, BOOT)).to.not.equal(boot);
    const look = 'cat /booted /file "$0/file" "$CHECKBOX_DATA/file"; ls -A /run /var/tmp';
    expect(await inside(server, look, scratch))
      .to.match(/^up\nkept\nkept\nkept\n/)
      .and.not.match(/gone/);
    // The one that stood by has booted too.
    await until(() => engine.containers().length === 2, 'a container stands by');
    ok(await server.command('revert'), server);
    const fresh = 'cat /booted "$CHECKBOX_DATA/file"; ls /file 2>/dev/null || echo none';
    expect(await inside(server, fresh)).to.equal('up\nkept\nnone\n');
    expect(await server.command('quit')).to.equal('ok');
    expect(engine.containers()).to.deep.equal([]);
  });

  it('boot none with --no-init', async () => {
    const { server } = await startOpen('--no-init', 'booting:test');
    const words = (await server.command('capabilities')).split(' ');
    expect(words).to.not.include.members(['reboot']);
    expect(words).to.not.include.members(['isolation-container']);
    expect(await inside(server, 'ls /booted 2>/dev/null || echo none')).to.equal('none\n');
    expect(await server.command('quit')).to.equal('ok');
  });

  it('wait for one that goes down by itself, and say how one ended that is dead', async () => {
    const { server, scratch } = await startOpen('--standby=0', 'booting:test');
    // As a test waits: when its mark has gone all is saved.
    const mark = 'autopkgtest-reboot-prepare-mark';
    await inside(server, `echo kept >"$0/file"; mkdir -p /run; : >/run/${mark}`, scratch);
    const [name = ''] = engine.containers();
    const boot = await inside(server, BOOT);
    server.send('reboot prepare-only\n');
    // Whatever ends it: here it is somebody else, with whom the engine starts it again.
    const run = () => engine.docker('exec', name, 'ls', '/run').split('\n');
    await until(() => !run().includes(mark), 'it is saved');
    engine.docker('restart', '--time=0', name);
    expect(await server.reply()).to.equal('ok');
    expect(await inside(server, BOOT)).to.not.equal(boot);
    expect(await inside(server, 'cat "$0/file"', scratch)).to.equal('kept\n');
    engine.docker('kill', name);
    server.send('reboot\n');
    await expectFailure(server, /failure: reboot: .*it has ended \(exited\) with exit code 137/);
  });

  it('say what is missing where there is no init, or none that stays', async () => {
    const none = start('--init', 'busybox:test');
    none.send('open\n');
    await expectFailure(none, /cannot start the container.*\(is there an init, \/sbin\/init, in/);
    change('busybox:test', 'ending:test', bootScript('echo cannot mount', 'sh'));
    const ending = start('--init', 'ending:test');
    ending.send('open\n');
    await expectFailure(
      ending,
      /failure: open: the init does not come up: stage 'the container answers': .*exit code 3.*last words: cannot mount/,
    );
    const shared = start('--init', 'booting:test', '--pid=host');
    shared.send('open\n');
    await expectFailure(shared, /no init can be booted with --pid=host: .*\(leave --pid out/);
  });

  it('tell that a command was killed as their memory ran out', async () => {
    const { server } = await startOpen('--standby=0', 'booting:test', '-m', '32m');
    await inside(server, 'tail /dev/zero; test $? = 137');
    expect(await server.command('auxverb_debug_fail')).to.equal('ok');
    expect(server.stderr())
      .to.match(/it runs\n/)
      .and.match(/ processes were killed .* \(OOM\)/);
    expect(server.stderr()).to.match(/ oom regime-/);
    expect(await server.command('quit')).to.equal('ok');
  });

  it('end at once with a server that is ended while they boot', async () => {
    change('busybox:test', 'hanging:test', bootScript('sleep 600'));
    const server = start('--init', 'hanging:test');
    server.send('open\n');
    await until(() => engine.containers().length === 1, 'there is a container');
    server.child.kill('SIGTERM');
    expect(await server.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
    expect(engine.containers()).to.deep.equal([]);
  });

  it('are left to a reap where their engine goes while they boot', async () => {
    change('busybox:test', 'hanging:test', bootScript('sleep 600'));
    const server = start('--init', 'hanging:test');
    server.send('open\n');
    await until(() => engine.containers().length === 1, 'there is a container');
    await engine.kill();
    expect(await server.ended).to.deep.equal({ status: 12, signal: null });
    expect(server.stderr()).to.match(/what is left of session \S+ stays for 'regime reap': /);
    await engine.start();
    expect(engine.containers()).to.have.length(1);
    const [program = '', ...args] = serverArgv('reap');
    const env = { ...engine.env, XDG_STATE_HOME: state };
    expect(spawnSync(program, args, { env, encoding: 'utf8' }).stdout).to.match(/^reaped /);
    expect(engine.containers()).to.deep.equal([]);
  });

  it('name the units that failed, and show what the journal has of them', async function () {
    if (!hasFixtures()) skip(this, 'there is no Debian tree');
    importTarball(engine, bootableTarball('systemd'), 'systemd:test');
    const unit = '[Service]\\nExecStart=/bin/sh -c "echo in the journal; exit 3"\\n';
    const wants = '/etc/systemd/system/multi-user.target.wants';
    const script = `printf '${unit}' >/etc/systemd/system/bad.service
      mkdir -p ${wants}; ln -s ../bad.service ${wants}/`;
    change('systemd:test', 'degraded:test', script);
    const { server, scratch } = await startOpen(
      '--init',
      '--standby=0',
      'degraded:test',
      '--tmpfs=/var/tmp',
    );
    expect(await server.command('auxverb_debug_fail')).to.equal('ok');
    expect(server.stderr())
      .to.match(/bad\.service +loaded +failed/)
      .and.match(/in the journal/);
    // What is kept over a reboot is not kept in memory.
    await inside(server, 'echo kept >"$0/file"', scratch);
    expect(await server.command('reboot')).to.equal('ok');
    expect(await inside(server, 'cat "$0/file"', scratch)).to.equal('kept\n');
    expect(await server.command('quit')).to.equal('ok');

    const rescue = 'ln -sf /lib/systemd/system/rescue.target /etc/systemd/system/default.target';
    change('systemd:test', 'rescue:test', rescue);
    const stuck = start('--init', 'rescue:test');
    stuck.send('open\n');
    await expectFailure(
      stuck,
      /failure: open: .*stage 'all units are started': given up: maintenance/,
    );
  });
});

const BOOT = 'cut -d" " -f22 /proc/1/stat';

/** Makes busybox an init with a boot script, or another program whose script it is. */
function bootScript(script: string, program = 'busybox'): string {
  const init =
    program === 'busybox' ? 'ln -s /bin/busybox /sbin/init' : 'ln -s /etc/init.d/rcS /sbin/init';
  return `mkdir -p /sbin /etc/init.d /var/tmp; printf '${INITTAB}' >/etc/inittab; ${init}
    printf '%s\\n' '#!/bin/sh' '${script}' 'exit 3' >/etc/init.d/rcS; chmod 755 /etc/init.d/rcS`;
}

function ok(reply: string, server: TestServer): string {
  expect(reply, server.stderr()).to.match(/^ok( |$)/);
  return reply.slice(3);
}

async function inside(server: TestServer, script: string, ...args: string[]): Promise<string> {
  const words = ok(await server.command('print-auxverb-command'), server);
  const auxverb = words.split(',').map(decodeURIComponent);
  const outcome = await runCommand([...auxverb, 'sh', '-c', script, ...args]);
  expect(outcome.ending, outcome.stderr).to.deep.equal({ status: 0 });
  return outcome.stdout;
}
