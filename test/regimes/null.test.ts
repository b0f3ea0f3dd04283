import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { userInfo } from 'node:os';

import { expect } from 'chai';

import { plainAs, selfAs, serverOf, startThrough, type Caller } from '../crash/caller.ts';
import { familyOf, stillRunning, untilNone } from '../crash/processes.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';
import { hasPlainUser, plainUser } from '../support/user.ts';
import { openSession, refusedStart } from './support/session.ts';

describe('the null regime', function () {
  this.timeout(30_000);
  let caller: Caller;

  beforeEach(() => {
    caller = selfAs(tempDir());
  });

  it('is the host, with the environment of who started the server', async () => {
    const env = { ...caller.env, OWN_WORD: 'of the caller', HOME: '/var' };
    const bed = await openSession({ ...caller, env }, ['null']);
    const seen = 'echo "$OWN_WORD $HOME"; id -un';
    // Auxverbs inherit from who runs them; execute and set-up from the server.
    expect(await bed.sh('id -un')).to.equal(userInfo().username);
    expect(
      await bed.server.command(
        `execute sh,-c,${encodeURIComponent(seen)} /dev/null ${bed.scratch}/out ${bed.scratch}/err /`,
      ),
    ).to.equal('ok 0');
    expect(await bed.sh(`cat ${bed.scratch}/out`)).to.equal(
      `of the caller /var\n${userInfo().username}`,
    );
    await bed.quit();
  });

  it('hands on to a command what its caller’s environment asks of perl, and does not do it', async () => {
    const bed = await openSession(caller, ['null']);
    const prefix = await bed.prefix();
    const asked = {
      PERL5OPT: '-Mnonsense',
      PERL5LIB: '/no "where"\n$HOME',
      PERL_UNICODE: 'SDA',
      PERLIO: ':crlf',
      PERL_BADLANG: '1',
      PATH: '/nowhere',
    };
    for (const [name, value] of Object.entries(asked)) {
      const { status, stdout, stderr } = spawnSync(
        '/usr/bin/env',
        [`${name}=${value}`, ...prefix, '/usr/bin/printenv', name],
        { encoding: 'utf8' },
      );
      expect({ status, stdout, stderr }, name).to.deep.equal({
        status: 0,
        stdout: `${value}\n`,
        stderr: '',
      });
    }
    await bed.quit();
  });

  it('ends a command that is deaf to the signal which has ended its auxverb', async () => {
    const bed = await openSession(caller, ['null']);
    const script = `trap '' TERM; echo up; while :; do sleep 1; done`;
    const child = startThrough(await bed.prefix(), ['sh', '-c', script]);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    const family = familyOf(child.pid ?? 0);
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    child.kill('SIGTERM');
    expect(await ended).to.equal('SIGTERM');
    const left = await untilNone(() => stillRunning(family), 10_000);
    expect(left.map(({ command }) => command)).to.deep.equal([]);
    await bed.quit();
  });

  it('is never locked: two servers at once', async () => {
    const one = await openSession(caller, ['null']);
    const two = await openSession(caller, ['null']);
    expect(one.scratch).to.not.equal(two.scratch);
    expect(await two.server.command('quit')).to.equal('ok');
    await two.server.ended;
    await one.quit();
  });

  it('reverts nothing, and says that its scratch space is the host’s', async () => {
    const bed = await openSession(caller, ['null']);
    const words = await bed.capabilities();
    expect(words.filter((word) => /^(re|isolation)/.test(word))).to.deep.equal([]);
    expect(words).to.include(`downtmp-host=${bed.scratch}`);
    expect(words.includes('root-on-testbed')).to.equal(process.getuid?.() === 0);
    await bed.sh(`touch ${bed.scratch}/file`);
    await bed.quit();
    expect(existsSync(bed.scratch)).to.equal(false);
  });

  it('ends at revert', async () => {
    const bed = await openSession(caller, ['null']);
    bed.server.send('revert\n');
    expect((await bed.server.ended).status).to.equal(12);
    expect(bed.server.stderr()).to.match(/^regime: failure: revert: .*not advertise revert\n$/);
    expect(existsSync(bed.scratch)).to.equal(false);
  });

  it('serves a plain user, who is not root there', async function () {
    if (!hasPlainUser()) skip(this, 'there is no plain user');
    const bed = await openSession(plainAs(), ['null']);
    const words = (await bed.capabilities()).join(' ');
    expect(words).to.not.include('root-on-testbed').and.to.not.include('suggested-normal-user');
    expect(bed.scratch.startsWith(`${plainUser().home}/tmp/`), 'below TMPDIR').to.equal(true);
    await bed.quit();
  });

  it('makes its scratch space below TMPDIR', async () => {
    const work = tempDir();
    const bed = await openSession({ ...caller, env: { ...caller.env, TMPDIR: work } }, ['null']);
    expect(bed.scratch.startsWith(`${work}/`)).to.equal(true);
    await bed.quit();
  });

  it('works without perl', async () => {
    const bin = `${tempDir()}/bin`;
    mkdirSync(bin);
    for (const name of ['sh', 'env', 'flock', 'rm', 'mkdir', 'chown', 'cat', 'setsid'])
      symlinkSync(`/usr/bin/${name}`, `${bin}/${name}`);
    const bed = await openSession({ ...caller, env: { ...caller.env, PATH: bin } }, ['null']);
    expect(await bed.sh('echo alive')).to.equal('alive');
    await bed.quit();
  });

  it('takes no operand', async () => {
    const refusal = await refusedStart(caller, ['null', 'operand']);
    expect(refusal).to.include({ status: 2, replies: '' });
    expect(refusal.lines).to.have.length(1);
  });

  it('says what it would have before it is open', async () => {
    const server = serverOf(caller, ['null']);
    await server.reply();
    const words = (await server.command('capabilities')).split(' ');
    expect(words.includes('root-on-testbed')).to.equal(process.getuid?.() === 0);
    expect(words).to.not.include('revert');
  });
});
