import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { prefixOf, runThrough, selfAs, serverOf, type Caller } from '../crash/caller.ts';
import {
  allProcesses,
  familyOf,
  stillRunning,
  untilNone,
  withNeighbours,
} from '../crash/processes.ts';
import { cleanUpAfterTest } from '../support/clean-up.ts';
import { debianTree, hasFixtures, ownTree } from '../support/fixtures.ts';
import type { TestServer } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';
import { fingerprint } from './host.ts';

/** Docker's default set (moby, oci/caps/defaults.go). */
const DOCKER_SET = '00000000a80425fb';

/** Milliseconds in which a server with a hostile testbed has to end on a busy machine; on an idle one about 100. */
const PATIENCE = 20_000;

describe('a hostile testbed', function () {
  this.timeout(60_000);
  let caller: Caller;
  let before_: Record<string, string>;
  let server: TestServer;
  let prefix: string[];
  let scratch: string;

  before(function () {
    if (process.getuid?.() !== 0) skip(this, 'not root');
    if (!hasFixtures()) skip(this, 'there is no Debian root file system');
    if (!['x64', 'arm64'].includes(process.arch))
      skip(this, 'system call numbers of x86-64 and arm64');
  });
  beforeEach(() => {
    caller = selfAs(tempDir());
    before_ = fingerprint();
  });
  afterEach(() => {
    expect(fingerprint(), 'the host has changed').to.deep.equal(before_);
  });

  async function open(...args: string[]): Promise<void> {
    server = serverOf(caller, ['chroot', ...args]);
    expect(await server.reply()).to.equal('ok');
    const reply = await server.command('open');
    expect(reply).to.match(/^ok \//);
    scratch = reply.slice(3);
    await enter();
  }
  async function enter(): Promise<void> {
    prefix = prefixOf(await server.command('print-execute-command'));
  }
  const sh = (script: string, limit = 20_000) =>
    runThrough(prefix, ['sh', '-c', script], { limit });

  /** Ends the server and sees that all that was in its testbed goes within the time. */
  async function endIt(how: 'quit' | 'SIGTERM' | 'SIGKILL' = 'quit'): Promise<void> {
    const pid = server.child.pid ?? 0;
    const family = withNeighbours(familyOf(pid));
    const start = performance.now();
    if (how === 'quit') expect(await server.command('quit')).to.equal('ok');
    else server.child.kill(how);
    const left = await untilNone(() => stillRunning(family), PATIENCE);
    expect(left.map(({ command }) => command).join('\n')).to.equal('');
    expect(performance.now() - start).to.be.below(PATIENCE);
    await server.ended;
  }

  const attacks = readFileSync(new URL('./attacks.pl', import.meta.url), 'latin1');
  async function attack(): Promise<void> {
    const secret = `${tempDir()}/secret`;
    writeFileSync(secret, 'secret');
    const sessions = `${caller.state}/regime/sessions`;
    const args = [process.arch, secret, sessions, String(server.child.pid)];
    const result = await runThrough(prefix, ['perl', '-e', attacks, ...args]);
    expect(result.stdout, result.stderr).to.equal('done\n');
  }

  it('does not get out of a tree', async () => {
    await open(debianTree());
    await attack();
    await endIt();
  });

  it('does not get out of a testbed of the machine itself', async () => {
    await open('/');
    await attack();
    await endIt();
  });

  it('does not get out of a tree that it works in directly, nor by a directory that is bound', async () => {
    const bound = tempDir();
    await open('--in-place', '--bind', `${bound}:/mnt`, ownTree());
    await attack();
    await endIt();
  });

  it('does not get out by way of --keep-home, --keep-tmp and --size, before and after a revert', async () => {
    await open('--keep-home', '--keep-tmp', '--size', '200M', debianTree());
    await attack();
    expect(await server.command('revert')).to.match(/^ok/);
    await enter();
    await attack();
    await endIt();
  });

  it("has exactly Docker's default capabilities, and all only with --privileged", async () => {
    const shown = async () => (await sh('grep ^Cap /proc/self/status')).stdout.split('\n');
    await open(debianTree());
    expect(await shown()).to.deep.equal([
      'CapInh:\t0000000000000000',
      ...['Prm', 'Eff', 'Bnd'].map((set) => `Cap${set}:\t${DOCKER_SET}`),
      'CapAmb:\t0000000000000000',
      '',
    ]);
    await endIt();
    await open('--privileged', debianTree());
    const own = /^CapBnd:\t(.*)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    expect(await shown()).to.include(`CapEff:\t${own}`);
    await endIt();
  });

  it('makes no user namespace and reads no keyring, unless with --privileged', async () => {
    // keyctl(KEYCTL_DESCRIBE, KEY_SPEC_USER_KEYRING) on the machine that the tests run on.
    const numbers: Partial<Record<string, number>> = { x64: 250, arm64: 219 };
    const keyctl = `perl -e 'print syscall(${numbers[process.arch] ?? 219}, 6, -4, 0, 0), " ", $!+0'`;
    await open(debianTree());
    expect((await sh('unshare --user true')).stderr).to.include('Operation not permitted');
    expect((await sh('unshare --user --mount --map-root-user true')).status).to.equal(1);
    expect((await sh(keyctl)).stdout).to.equal('-1 1');
    expect((await sh('unshare --uts true; true | cat; (sleep 0 & wait)')).status).to.equal(0);
    await endIt();
    await open('--privileged', debianTree());
    expect((await sh('unshare --user true')).status).to.equal(0);
    await endIt();
  });

  it('does not reach its caller with signals to its own process group', async () => {
    await open(debianTree());
    const result = await sh('trap "" TERM; kill -TERM 0; kill -KILL 0; sleep 10');
    expect(result.signal ?? result.status).to.be.oneOf([137, 'SIGKILL']);
    expect((await sh('kill -KILL -1; echo alive')).status).to.be.oneOf([0, 137]);
    expect((await sh('echo well')).stdout).to.equal('well\n');
    await endIt();
  });

  it('does not reach the terminal of its caller', async function () {
    if (!readdirSync('/usr/bin').includes('script')) skip(this, 'there is no script(1)');
    await open(debianTree());
    // stdout or stderr may be the terminal, as with a harness that a person watches.
    const perl = `open(T,"+<","/dev/tty") and print "TTY\\n"; for (0..2) { open(F,"<&",$_) and ioctl(F,0x5412,my $key="x") and print "TIOCSTI $_\\n" } print "done\\n"`;
    const command = [...prefix, 'perl', '-e', perl].map(
      (word) => `'${word.replaceAll("'", `'\\''`)}'`,
    );
    const child = spawn('script', ['-qec', `${command.join(' ')} </dev/null`, '/dev/null'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let shown = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => (shown += text));
    await new Promise((resolve) => child.once('close', resolve));
    expect(shown.trim().split(/\s+/)).to.deep.equal(['done']);
    await endIt();
  });

  it('replaces its own programs, and auxverbs, copies and reverts go on or fail in good order', async () => {
    await open('--pids', '300', debianTree());
    const evil = `#!/usr/bin/perl
open(F, ">", "/proc/self/exe"); open(G, "+<", "/proc/$$/exe"); print F "x"; print G "x";
kill "KILL", getppid; sleep 1;`;
    const write = `cat > /evil <<'END'\n${evil}\nEND\nchmod 755 /evil\n`;
    expect((await sh(write)).status).to.equal(0);
    const wreck = [
      'cp /evil /usr/bin/tar; cp /evil /usr/bin/id; cp /evil /usr/bin/cat',
      'echo /evil > /etc/ld.so.preload; echo "/evil" > /etc/nsswitch.conf',
      'cp /evil /usr/bin/env; cp /evil /usr/bin/dash; ln -sf /evil /bin/sh',
      'echo x > /lib64/ld-linux-x86-64.so.2; rm -rf /lib/*/libc.so.6 /etc/passwd',
    ];
    for (const script of wreck) {
      await runThrough(prefix, ['perl', '-e', 'system shift', script], { limit: 10_000 });
      await Promise.all(
        ['sh', 'env', 'tar', 'id', '/evil'].map((program) =>
          runThrough(prefix, [program, '--version'], { limit: 10_000 }),
        ),
      );
    }
    expect(await server.command(`copyup /etc/ ${caller.work}/etc/`)).to.match(/^(ok|copy-failed)$/);
    expect(await server.command('revert')).to.equal(`ok ${scratch}`);
    await enter();
    expect((await sh('ls /evil; id -u; env -i echo whole')).stdout).to.equal('0\nwhole\n');
    await endIt();
  });

  it('is executed by /proc/self/exe, and changes no program of the host by it', async () => {
    await open(debianTree());
    const script = `
cat > /w.pl <<'END'
for my $way ("/proc/self/exe", "/proc/$$/exe", map { "/proc/self/fd/$_" } 3 .. 20) {
  for (1 .. 50) { if (open(F, "+<", $way)) { syswrite(F, "#!/evil\\n"); last } }
  if (open(F, ">", $way)) { syswrite(F, "#!/evil\\n") }
}
END
printf '#!/proc/self/exe /w.pl\\n' > /script; chmod 755 /script; ln -s /proc/self/exe /link
printf '#!/proc/self/exe\\nrequire "/w.pl";\\n' > /script2; chmod 755 /script2`;
    expect((await sh(script)).status).to.equal(0);
    for (const command of [
      ['/script'],
      ['/script2'],
      ['/link', '/w.pl'],
      ['/proc/self/exe', '/w.pl'],
      ['/proc/self/exe', '-e', 'do "/w.pl"'],
    ]) {
      await runThrough(prefix, command, { limit: 10_000 });
    }
    expect((await sh('echo well')).stdout).to.equal('well\n');
    await endIt();
  });

  it('watches for auxverbs that enter, and gets nothing from them', async () => {
    await open(debianTree());
    const secret = `${tempDir()}/secret`;
    writeFileSync(secret, 'secret');
    // Each process that appears is looked into at once, many times, before it executes anything.
    const spy = `
$| = 1; print "up\\n"; my $end = time + 4; my %own; $own{$$} = 1;
while (time < $end) {
  opendir(P, "/proc"); my @new = grep { /^\\d+$/ && !$own{$_} && $_ != 1 } readdir P; closedir P;
  for my $p (@new) {
    print "ROOT $p\\n" if -e "/proc/$p/root$ARGV[0]" || -e "/proc/$p/cwd$ARGV[0]";
    if (open(M, "+<", "/proc/$p/mem")) { }
    opendir(F, "/proc/$p/fd") and do { for (grep { $_ > 2 } grep { /^\\d/ } readdir F) {
      my $to = readlink "/proc/$p/fd/$_"; print "FD $_ $to\\n" if defined $to && $to =~ /memfd|mnt:|pid:|user:|cgroup/ } };
    my $exe = readlink "/proc/$p/exe"; print "EXE $exe\\n" if defined $exe && $exe =~ /memfd/;
  }
}
print "done\\n";`;
    const watching = runThrough(prefix, ['perl', '-e', spy, secret]);
    const end = Date.now() + 4200;
    while (Date.now() < end) {
      await Promise.all([1, 2, 3].map(() => runThrough(prefix, ['true'])));
    }
    expect((await watching).stdout).to.equal('up\ndone\n');
    await endIt();
  });

  // Niced: some hundreds of processes that spin would leave the tests beside this one no time to run.
  const stays: Record<string, string> = {
    'is deaf to all signals':
      'for s in $(seq 1 64); do trap "" $s 2>/dev/null; done; echo up; while :; do sleep 1; done',
    'daemonises itself':
      'for i in 1 2 3; do setsid perl -e \'$SIG{$_}="IGNORE" for keys %SIG; fork && exit; fork && exit; sleep 1000\' & done; echo up; sleep 1000',
    'forks without end':
      'echo up; exec nice -n 19 perl -e \'$SIG{$_}="IGNORE" for qw(TERM HUP INT CHLD); while (1) { fork or select undef, undef, undef, 0.05 }\'',
    'forks and exits without end':
      'echo up; nice -n 19 perl -e \'$SIG{TERM}="IGNORE"; while (1) { fork and exit; setpgrp }\' & sleep 1000',
    'stops all that it sees':
      'echo up; while sleep 0.01; do for p in /proc/[0-9]*; do kill -STOP ${p#/proc/} 2>/dev/null; done; done',
    'seizes the descriptors of all others':
      'echo up; for i in 1 2 3 4 5; do for f in /proc/[0-9]*/fd/*; do (exec 3<>$f; exec sleep 1000) 2>/dev/null & done; done; sleep 1000',
  };
  for (const [title, script] of Object.entries(stays)) {
    it(`${title}, and ends with its server`, async () => {
      for (const how of ['quit', 'SIGKILL'] as const) {
        await open('--pids', '20', debianTree());
        const [program = '', ...args] = prefix;
        const child = spawn(program, [...args, 'sh', '-c', script], {
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        cleanUpAfterTest(() => void child.kill('SIGKILL'));
        await new Promise((resolve) => child.stdout.once('data', resolve));
        const space = spaceOf(child.pid ?? 0);
        await new Promise((resolve) => setTimeout(resolve, 200));
        const start = performance.now();
        await endIt(how);
        const left = await untilNone(
          () => allProcesses().filter(({ spaces }) => space !== '' && spaces === space),
          PATIENCE,
        );
        expect(left, `${how}, after ${performance.now() - start} ms`).to.have.length(0);
      }
    });
  }

  it('is held to the default number of processes', async function () {
    const [major = 0, minor = 0] = readFileSync('/proc/sys/kernel/osrelease', 'latin1')
      .split('.')
      .map(Number);
    if (major < 6 || (major === 6 && minor < 14)) skip(this, 'Linux before 6.14');
    await open('--pids', '200', debianTree());
    const count =
      "perl -e '$n = 0; while (defined(my $p = fork)) { if (!$p) { sleep 100; exit } $n++; last if $n > 5000 } print $n'";
    const { stdout } = await sh(count);
    expect(Number(stdout)).to.be.within(150, 520);
    // Where all is taken a command can't start; the testbed reverts and ends all the same.
    await sh('true');
    expect(await server.command('revert')).to.match(/^ok/);
    await enter();
    expect((await sh('echo well')).stdout).to.equal('well\n');
    await endIt();
  });

  it('holds the pipes of commands open, and the server goes on', async () => {
    await open(debianTree());
    const holder = 'sleep 1000 & setsid sleep 1000 & echo out; exit 3';
    const start = performance.now();
    const result = await sh(holder);
    expect(result.status).to.equal(3);
    const line = `execute sh,-c,${encodeURIComponent(holder)} /dev/null ${scratch}/out ${scratch}/err /`;
    expect(await server.command(line)).to.equal('ok 3');
    expect(await server.command('revert')).to.match(/^ok/);
    expect(performance.now() - start).to.be.below(PATIENCE);
    await endIt();
  });

  it('has a set-up command that leaves a daemon with its output, and opens', async () => {
    server = serverOf(caller, ['chroot', '--setup', 'sleep 1000 & true', debianTree()], {
      patience: 15_000,
    });
    expect(await server.reply()).to.equal('ok');
    expect(await server.command('open')).to.match(/^ok/);
    await endIt();
  });
});

function spaceOf(pid: number): string {
  const own = allProcesses().find((one) => one.pid === process.pid)?.spaces;
  const spaces = familyOf(pid).map((one) => one.spaces);
  return spaces.find((one) => one && one !== own) ?? '';
}
