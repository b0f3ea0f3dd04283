import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { selfAs } from '../crash/caller.ts';
import { encode, encodeMembers } from '../../src/client/codec.ts';
import { cleanUpAfterTest } from '../support/clean-up.ts';
import { hasFixtures, debianTree } from '../support/fixtures.ts';
import { openSession, type OpenSession } from '../regimes/support/session.ts';
import { until } from '../regimes/support/until.ts';
import { serverArgv } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';

/** One `execute` line for a shell script, with its files in the scratch space. */
const lineFor = (bed: OpenSession, script: string, keywords = '', stdin = '/dev/null') =>
  `execute ${encodeMembers(['sh', '-c', script])} ${stdin} ${bed.scratch}/out ${bed.scratch}/err ${bed.scratch} ${keywords}`;

for (const [name, argsOf] of [
  ['null', () => ['null']],
  ['chroot', () => ['chroot', debianTree()]],
] as const) {
  describe(`execute, with ${name}`, function () {
    this.timeout(60_000);
    let bed: OpenSession;

    before(function () {
      if (name !== 'chroot') return;
      if (process.getuid?.() !== 0) skip(this, 'only root can do this');
      if (!hasFixtures()) skip(this, 'there is no Debian root file system');
    });

    beforeEach(async () => {
      bed = await openSession(selfAs(tempDir()), argsOf());
    });

    const execute = (script: string, keywords = '', stdin?: string) =>
      bed.server.command(lineFor(bed, script, keywords, stdin));
    const output = (file = 'out') => bed.sh(`cat ${bed.scratch}/${file}`);

    it('has its three files, its directory and its status', async () => {
      await bed.sh(`echo input >${bed.scratch}/in`);
      const script = 'cat; pwd; echo error >&2; exit 7';
      expect(await execute(script, '', `${bed.scratch}/in`)).to.equal('ok 7');
      expect(await output()).to.equal(`input\n${bed.scratch}`);
      expect(await output('err')).to.equal('error');
    });

    it('says 128+N for a signal, and never 254 or 255', async () => {
      expect(await execute('kill -9 $$')).to.equal('ok 137');
      expect(await execute('kill -15 $$')).to.equal('ok 143');
      expect(await execute('exit 255')).to.equal('ok 253');
      expect(await execute('exit 254')).to.equal('ok 253');
    });

    it('says 127 and 126 for what is not there or can not be executed, and 126 for files', async () => {
      const files = `/dev/null ${bed.scratch}/out ${bed.scratch}/err /`;
      expect(await bed.server.command(`execute nonsense ${files}`)).to.equal('ok 127');
      expect(await bed.server.command(`execute /etc/passwd ${files}`)).to.equal('ok 126');
      expect(
        await bed.server.command(`execute true /no/in ${bed.scratch}/o ${bed.scratch}/e /`),
      ).to.match(/^ok 12[67]$/);
      expect(
        await bed.server.command(
          `execute true /dev/null ${bed.scratch}/o ${bed.scratch}/e /no/dir`,
        ),
      ).to.match(/^ok 12[67]$/);
      expect(bed.server.stderr()).to.include('/no/in').and.to.include('/no/dir');
    });

    it('sets variables, whose values may be any bytes', async () => {
      const value = 'a b,c%"\'\n\xff';
      const keywords = `env=A=${encode(value)} env=B=x=y env=PATH=/nowhere:/usr/bin:/bin`;
      expect(await execute('printf "%s|%s|%s" "$A" "$B" "$PATH"', keywords)).to.equal('ok 0');
      expect(await output()).to.equal(`${value}|x=y|/nowhere:/usr/bin:/bin`);
    });

    it('writes both streams in order where they name one file', async () => {
      const line = `execute ${encodeMembers(['sh', '-c', 'echo 1; echo 2 >&2; echo 3'])} /dev/null ${bed.scratch}/both ${bed.scratch}/both /`;
      expect(await bed.server.command(line)).to.equal('ok 0');
      expect(await output('both')).to.equal('1\n2\n3');
    });

    it('has a FIFO for its output as a reader expects it: with one end', async () => {
      const fifo = `${bed.scratch}/fifo`;
      await execute(`mkfifo ${fifo}`);
      for (const files of [`${fifo} ${bed.scratch}/err`, `${bed.scratch}/out ${fifo}`]) {
        // Opened for reading first, so that whoever opened it to write and closed it would be the end.
        await execute(`(exec cat ${fifo} >${fifo}.read) >/dev/null 2>&1 &`);
        const line = `execute ${encodeMembers(['sh', '-c', 'echo 1; echo 2 >&2'])} /dev/null ${files} /`;
        expect(await bed.server.command(`${line} timeout=20`)).to.equal('ok 0');
        const stream = files.startsWith(fifo) ? '1' : '2';
        await until(async () => (await output('fifo.read')) === stream, 'the FIFO was read');
      }
    });

    it('kills at its time limit the command and all that it started', async () => {
      const begun = performance.now();
      const script = `sleep 97 & setsid sleep 97 & (setsid sh -c 'sleep 97; :' &) ; trap "" TERM; echo on; while :; do sleep 97; done`;
      expect(await execute(script, 'timeout=1')).to.equal('timeout');
      expect(performance.now() - begun).to.be.lessThan(15_000);
      expect(await output()).to.equal('on');
      const left = "grep -ls '^sleep.97' /proc/[0-9]*/cmdline 2>/dev/null || :";
      await until(async () => (await bed.sh(left)) === '', 'the sleepers were gone');
      expect(await execute('echo next')).to.equal('ok 0');
    });

    it('does not kill what ends before its time limit', async () => {
      expect(await execute('exit 3', 'timeout=20')).to.equal('ok 3');
    });

    it('ends the server at a keyword that it does not know', async () => {
      bed.server.send(`${lineFor(bed, 'true', 'nonsense=1')}\n`);
      expect((await bed.server.ended).status).to.equal(12);
      expect(bed.server.stderr()).to.match(/^regime: failure: .*nonsense=1\n$/m);
    });

    it('ends the server at a debug descriptor that nobody passed', async () => {
      bed.server.send(`${lineFor(bed, 'true', 'debug=3-57')}\n`);
      expect((await bed.server.ended).status).to.equal(12);
      expect(bed.server.stderr()).to.match(/57/);
    });
  });

  describe(`execute debug=, with ${name}`, function () {
    this.timeout(60_000);

    before(function () {
      if (name !== 'chroot') return;
      if (process.getuid?.() !== 0) skip(this, 'only root can do this');
      if (!hasFixtures()) skip(this, 'there is no Debian root file system');
    });

    /** Starts a server that is given descriptor 7, a file, and works off lines; its replies. */
    const converse = async (fd7: number | 'pipe', lines: string[]) => {
      const [program = '', ...args] = serverArgv(...argsOf());
      const env = { ...process.env, XDG_STATE_HOME: tempDir() };
      const ignored = ['ignore', 'ignore', 'ignore', 'ignore'] as const;
      const stdio = ['pipe', 'pipe', 'pipe', ...ignored, fd7] as const;
      const child: ChildProcess = spawn(program, args, { env, stdio: [...stdio] });
      cleanUpAfterTest(() => void child.kill('SIGKILL'));
      const texts = { stdout: '', stderr: '', fd7: '' };
      child.stdout?.on('data', (data: Buffer) => (texts.stdout += data.toString('latin1')));
      child.stderr?.on('data', (data: Buffer) => (texts.stderr += data.toString('latin1')));
      if (fd7 === 'pipe') {
        child.stdio[7 as 0]?.on('data', (data: Buffer) => (texts.fd7 += data.toString('latin1')));
      }
      child.stdin?.end(lines.map((line) => `${line}\n`).join(''));
      const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
      return { ...texts, status, replies: texts.stdout.trimEnd().split('\n') };
    };

    for (const from of [1, 2, 3, 8, 9, 12]) {
      it(`sends what goes to descriptor ${from} to a file of the caller, and nothing else`, async () => {
        const work = tempDir();
        const fd = openSync(`${work}/debug`, 'w+');
        const script = `echo one; echo two >&2; bash -c 'echo debug >&${from}' ; exit 4`;
        const files = ['o', 'e'].map((end) => `/tmp/regime-test-${end}${process.pid}`).join(' ');
        const line = `execute ${encodeMembers(['sh', '-c', script])} /dev/null ${files} / debug=${from}-7`;
        const dump = `echo FILES; for f in ${files}; do test ! -e $f || cat $f; rm -f $f; done`;
        const show = `execute ${encodeMembers(['sh', '-c', dump])} /dev/null /dev/null /dev/null / debug=1-7`;
        const { replies, status } = await converse(fd, ['open', line, show, 'quit']);
        closeSync(fd);
        expect(status).to.equal(0);
        expect(replies[2]).to.equal('ok 4');
        // What came by the descriptor, then what the two files of the command held.
        const [through, held] = readFileSync(`${work}/debug`, 'latin1').split('FILES\n');
        const besides = from === 1 ? 'one\n' : from === 2 ? 'two\n' : '';
        expect(through).to.equal(`${besides}debug\n`);
        expect(held).to.equal(`${from === 1 ? '' : 'one\n'}${from === 2 ? '' : 'two\n'}`);
      });
    }

    it('sends it to a socket of the caller', async () => {
      const line = `execute ${encodeMembers(['sh', '-c', 'echo debug >&3'])} /dev/null /dev/null /dev/null / debug=3-7`;
      const { replies, fd7 } = await converse('pipe', ['open', line, 'quit']);
      expect(replies[2]).to.equal('ok 0');
      expect(fd7).to.equal('debug\n');
    });

    it('refuses the descriptors of the protocol and those of Node itself', async () => {
      const work = tempDir();
      writeFileSync(`${work}/debug`, '');
      for (const to of [12, 15, 19, 20, 21, 300]) {
        const fd = openSync(`${work}/debug`, 'w');
        const line = `execute true /dev/null /dev/null /dev/null / debug=3-${to}`;
        const { status, stderr } = await converse(fd, ['open', line]);
        closeSync(fd);
        expect(status, String(to)).to.equal(12);
        expect(stderr, String(to)).to.match(/descriptor/);
      }
      expect(existsSync(`${work}/debug`)).to.equal(true);
    });
  });
}
