import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { plainAs, reapAs, selfAs, serverOf, sessionsOf, type Caller } from '../crash/caller.ts';
import {
  familyOf,
  mountsBelow,
  stillRunning,
  untilNone,
  withNeighbours,
} from '../crash/processes.ts';
import { until, untilSays } from '../regimes/support/until.ts';
import { debianTarball, debianTree, hasFixtures, ownTree } from '../support/fixtures.ts';
import type { TestServer } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';
import { hasPlainUser } from '../support/user.ts';

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;
/** Milliseconds in which a server, and all that is its, ends on a busy machine: less than any work takes. */
const PATIENCE = 20_000;
const quoted = (words: string[]) => words.map((word) => `'${word}'`).join(' ');

describe('how a server ends', function () {
  this.timeout(60_000);
  let caller: Caller;
  const root = process.getuid?.() === 0;
  before(function () {
    if (!root && !hasPlainUser()) skip(this, 'there is no plain user');
    if (!hasFixtures()) skip(this, 'there is no Debian root file system');
  });
  beforeEach(() => {
    caller = root ? selfAs(tempDir()) : plainAs();
  });

  const args = () => ['chroot', root ? debianTree() : debianTarball()];

  /** Runs a pipeline of the shell with the server in it as `$REGIME`. */
  function pipeline(who: Caller, words: string[], script: string) {
    const command = script.replaceAll('$REGIME', quoted(who.argv(...words)));
    return spawnSync('bash', ['-c', `set -o pipefail; ${command}`], {
      encoding: 'latin1',
      env: who.env,
    });
  }

  /** Starts a server and takes it to a state; in a state of work the command has been sent. */
  async function serverIn(state: string): Promise<TestServer> {
    const server = serverOf(caller, args());
    expect(await server.reply()).to.equal('ok');
    if (state === 'closed') return server;
    if (state === 'opening') {
      server.send('open\n');
      await new Promise((resolve) => setTimeout(resolve, 30));
      return server;
    }
    const scratch = (await server.command('open')).slice(3);
    expect(scratch).to.match(/^\//);
    const work: Record<string, string> = {
      execute: 'execute sleep,100 /dev/null /dev/null /dev/null /',
      copy: `copydown ${bigTree()}/ ${scratch}/big/`,
      revert: 'revert',
    };
    const line = work[state];
    if (line !== undefined) {
      server.send(`${line}\n`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return server;
  }

  function bigTree(): string {
    const tree = `${caller.work}/big`;
    mkdirSync(tree, { recursive: true });
    for (let n = 0; n < 40; n++) writeFileSync(`${tree}/${n}`, Buffer.alloc(1 << 20, n));
    return tree;
  }

  /** Sees that all of a server's processes, mounts and records go. */
  async function expectNothingLeft(family: ReturnType<typeof familyOf>): Promise<void> {
    const left = await untilNone(() => stillRunning(family), PATIENCE);
    expect(left.map(({ command }) => command).join('\n')).to.equal('');
    expect(mountsBelow(caller.state)).to.deep.equal([]);
    expect(sessionsOf(caller)).to.deep.equal([]);
  }
  const familyIn = (server: TestServer) => withNeighbours(familyOf(server.child.pid ?? 0));

  it('serves as a script, whose input ends long before the work does', function () {
    const script = "printf 'open\\nrevert\\nrevert\\nclose\\nquit\\n' | $REGIME";
    const runs: [Caller, string[]][] = [];
    if (root) runs.push([caller, ['chroot', '/']]);
    if (hasPlainUser()) runs.push([plainAs(), ['chroot', debianTarball()]]);
    for (const [who, words] of runs) {
      const { status, stdout, stderr } = pipeline(who, words, script);
      expect(status, stderr).to.equal(0);
      expect(stdout).to.match(/^ok\nok (\/\S+)\nok \1\nok \1\nok\nok\n$/);
      expect(sessionsOf(who)).to.deep.equal([]);
    }
  });

  it('exits with 0 where its reader goes at quit, and with 12 where it goes before', async () => {
    const atQuit = serverOf(caller, args());
    await atQuit.reply();
    await atQuit.command('open');
    atQuit.child.stdout?.destroy();
    atQuit.send('quit\n');
    expect((await atQuit.ended).status, atQuit.stderr()).to.equal(0);
    expect(sessionsOf(caller)).to.deep.equal([]);

    const early = serverOf(caller, args());
    await early.reply();
    await early.command('open');
    const family = familyIn(early);
    early.child.stdout?.destroy();
    early.send('capabilities\ncapabilities\n');
    expect((await early.ended).status, early.stderr()).to.equal(12);
    expect(early.stderr()).to.match(/^regime: failure: nobody reads the replies any more$/m);
    await expectNothingLeft(family);
  });

  const atEnd: Record<string, [number, RegExp]> = {
    closed: [0, /^regime: end of input\n$/],
    opening: [12, /end of input/],
    open: [12, /^regime: failure: end of input while the testbed is open\n$/],
    copy: [12, /^regime: failure: end of input while the testbed is open\n$/],
    revert: [12, /^regime: failure: end of input while the testbed is open\n$/],
  };
  for (const [state, [status, message]] of Object.entries(atEnd)) {
    it(`exits with ${status} where its input ends while it is ${state}`, async () => {
      const server = await serverIn(state);
      const family = familyIn(server);
      server.endInput();
      const end = await server.ended;
      // An open that was quicker than the end of the input is one.
      const opened = state === 'opening' && server.rest().startsWith('ok');
      expect({ ...end, opened: undefined }, server.stderr()).to.deep.equal({
        status,
        signal: null,
        opened: undefined,
      });
      expect(server.stderr()).to.match(opened ? /end of input/ : message);
      await expectNothingLeft(family);
    });
  }

  for (const state of ['closed', 'opening', 'open', 'execute', 'copy', 'revert']) {
    it(`closes and dies by the signal that it gets while it is ${state}`, async () => {
      for (const name of SIGNALS) {
        const server = await serverIn(state);
        const family = familyIn(server);
        const start = performance.now();
        server.child.kill(name);
        const end = await server.ended;
        expect(end, `${name}: ${server.stderr()}`).to.deep.equal({ status: null, signal: name });
        expect(performance.now() - start).to.be.below(PATIENCE);
        expect(server.stderr(), name).to.not.match(/bug/);
        await expectNothingLeft(family);
      }
    });
  }

  it('dies at once by a second signal, and a reap takes what it leaves', async () => {
    for (const state of ['open', 'copy', 'opening']) {
      const server = await serverIn(state);
      const family = familyIn(server);
      server.child.kill('SIGTERM');
      server.child.kill('SIGINT');
      await new Promise((resolve) => setTimeout(resolve, 5));
      server.child.kill('SIGINT');
      const { signal } = await server.ended;
      expect(signal).to.be.oneOf(['SIGTERM', 'SIGINT']);
      const left = await untilNone(() => stillRunning(family), PATIENCE);
      expect(left.map(({ command }) => command).join('\n'), state).to.equal('');
      const said = reapAs(caller);
      expect(sessionsOf(caller), said).to.deep.equal([]);
    }
  });

  it('gives up waiting for another user when its caller goes, or a signal comes', async function () {
    if (!root) skip(this, 'not root');
    const tree = ownTree();
    const holder = serverOf(caller, ['chroot', '--in-place', tree]);
    await holder.reply();
    expect(await holder.command('open')).to.match(/^ok/);
    const waiting = async () => {
      const server = serverOf(caller, ['chroot', '--in-place', tree]);
      await server.reply();
      server.send('open\n');
      await untilSays(server, 'waiting for');
      expect(server.stderr()).to.match(/^regime: waiting for .* used by process \d+ \(/);
      return server;
    };
    const gone = await waiting();
    const family = familyIn(gone);
    gone.endInput();
    expect(await gone.ended, gone.stderr()).to.deep.equal({ status: 12, signal: null });
    expect(await untilNone(() => stillRunning(family), PATIENCE)).to.deep.equal([]);

    for (const name of SIGNALS) {
      const server = await waiting();
      server.child.kill(name);
      expect(await server.ended).to.deep.equal({ status: null, signal: name });
    }
    expect(sessionsOf(caller)).to.have.length(1);

    // Input that is queued behind `open` says that somebody still wants it.
    const patient = await waiting();
    patient.send('close\nquit\n');
    patient.endInput();
    expect(await holder.command('quit')).to.equal('ok');
    expect(await patient.reply()).to.match(/^ok \//);
    expect((await patient.ended).status, patient.stderr()).to.equal(0);
    expect(sessionsOf(caller)).to.deep.equal([]);
  });

  it('lets go of nobody else when a terminal hangs up on a whole pipeline', async () => {
    const [program = '', ...rest] = caller.argv(...args());
    const child = spawn(program, rest, { env: caller.env, stdio: 'pipe', detached: true });
    child.stdin.write('open\n');
    let replies = '';
    child.stdout.on('data', (data: Buffer) => (replies += data.toString()));
    await until(() => /^ok\nok \/.*\n$/.test(replies), 'the testbed is open');
    const family = withNeighbours(familyOf(child.pid ?? 0));
    process.kill(-(child.pid ?? 0), 'SIGHUP');
    const signal = await new Promise((resolve) =>
      child.once('exit', (_, received) => resolve(received)),
    );
    expect(signal).to.equal('SIGHUP');
    await expectNothingLeft(family);
  });
});
