import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { AUXVERB_PROGRAMS } from '../../src/auxverb/program.ts';
import { SOURCES } from '../../src/auxverb/programs.ts';
import {
  serveAuxverbs,
  type AuxverbRequest,
  type AuxverbServer,
} from '../../src/auxverb/server.ts';
import type { Argv } from '../../src/bytes.ts';
import { runThrough, startThrough } from '../crash/caller.ts';
import { until } from '../regimes/support/until.ts';
import { projectRoot } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';

it('The program of auxverbs in C was built from the sources that lie beside it', () => {
  const hash = createHash('sha256');
  const shared = ['../place/stand-in/system.h', '../place/stand-in/tools.h'];
  for (const name of [...shared, 'terminal.h', 'auxverb.c']) {
    hash.update(readFileSync(`${projectRoot}/src/auxverb/${name}`));
  }
  expect(hash.digest('hex'), 'run node scripts/programs.mjs').to.equal(SOURCES);
});

for (const [name, program] of Object.entries(AUXVERB_PROGRAMS)) {
  describe(`The auxverb's program (${name})`, function () {
    this.timeout(60_000);
    let server: AuxverbServer;
    let requests: AuxverbRequest[];
    let resizes: number[][];
    let marks: string;
    let commands: ChildProcess[];

    beforeEach(async function () {
      if (!program.content()) skip(this, `there is none for ${process.arch}`);
      [requests, resizes, commands] = [[], [], []];
      server = await serveAuxverbs(`${tempDir()}/socket`, start, [program]);
    });

    afterEach(() => server.close());

    /** Runs the commands on this host. */
    function start(request: AuxverbRequest) {
      requests.push(request);
      const [command = '', ...words] = request.argv;
      if (command === 'refuse') return Promise.reject(new Error('there is no testbed'));
      const child = spawn(command, words);
      commands.push(child);
      const ended = new Promise<number>((resolve) => {
        child.once('close', (status) => resolve(status ?? 128));
      });
      return Promise.resolve({
        ...{ stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, ended },
        resize: (...size: number[]) => {
          resizes.push(size);
          writeFileSync(`${marks}/resized`, '');
        },
        end: () => void child.kill(),
      });
    }
    const run = (argv: Argv, input = '') => runThrough(server.prefix, argv, { input });
    const startWith = (argv: Argv, options: SpawnOptions) => {
      const [shell = '', ...words] = [...server.prefix, ...argv];
      return spawn(shell, words, options);
    };
    const endOf = (child: ChildProcess) =>
      new Promise((resolve) => {
        child.once('exit', (status, signal) => resolve(signal ?? status));
      });

    it('hands on arguments, output, errors and the status', async () => {
      const script = 'cat; echo to-stderr >&2; printf "<%s>" "$@"; exit 7';
      const result = await run(['sh', '-c', script, 'sh', '', ' ', 'a\nb', '-n'], 'input');
      expect(result.stdout).to.equal('input<>< ><a\nb><-n>');
      expect([result.stderr, result.status]).to.deep.equal(['to-stderr\n', 7]);
      expect(requests[0]?.terminal).to.equal(undefined);
    });

    it('hands on arguments of any bytes', async () => {
      const words = server.prefix.map((word) => Buffer.from(word).toString('hex'));
      // Node's own arguments are UTF-8.
      const script = 'exec map { pack "H*", $_ } @ARGV';
      const child = spawn('perl', ['-e', script, ...words, '74727565', 'fffec328']);
      expect(await endOf(child)).to.equal(0);
      expect(requests[0]?.argv).to.deep.equal(['true', '\xff\xfe\xc3\x28']);
    });

    it('hands on megabytes in both directions at once', async () => {
      const text = 'regime\n'.repeat(600_000);
      const { stdout, status } = await run(['cat'], text);
      expect(status).to.equal(0);
      expect(stdout === text, `${stdout.length} bytes`).to.equal(true);
    });

    it('hands on all that a command wrote to who reads it later', async () => {
      const child = startThrough(server.prefix, ['head', '-c', '1000000', '/dev/zero']);
      let bytes = 0;
      const first = new Promise((resolve) => child.stdout?.once('readable', resolve));
      await first;
      const end = endOf(child);
      child.stdout?.on('data', (data: Buffer) => {
        bytes += data.length;
        child.stdout?.pause();
        setTimeout(() => child.stdout?.resume(), 5);
      });
      const closed = new Promise((resolve) => child.stdout?.once('close', resolve));
      expect(await end).to.equal(0);
      await closed;
      expect(bytes).to.equal(1_000_000);
    });

    it('ends without the input that the command does not take', async () => {
      const child = startThrough(server.prefix, ['head', '-c', '3']);
      child.stdin?.on('error', () => {});
      child.stdin?.write(Buffer.alloc(8 << 20, 'x'));
      expect(await endOf(child)).to.equal(0);
    });

    it("leaves the caller's descriptors as they were", async () => {
      const directory = tempDir();
      const fifos = ['in', 'out', 'err'].map((file) => `${directory}/${file}`);
      spawnSync('mkfifo', fifos);
      const descriptors = fifos.map((fifo) => openSync(fifo, 'r+'));
      const child = startWith(['sh', '-c', 'echo out; echo err >&2; exec sleep 99'], {
        stdio: descriptors,
      });
      await until(() => commands.length > 0, 'it runs');
      for (const descriptor of descriptors) {
        const [, flags = ''] =
          /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')) ?? [];
        expect(parseInt(flags, 8) & 0o4000, 'O_NONBLOCK').to.equal(0);
      }
      child.kill();
      expect(await endOf(child)).to.equal('SIGTERM');
      for (const descriptor of descriptors) closeSync(descriptor);
    });

    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      it(`ends with its command by ${signal}`, async () => {
        const child = startThrough(server.prefix, ['sleep', '99']);
        await until(() => commands.length > 0, 'it runs');
        child.kill(signal);
        expect(await endOf(child)).to.equal(signal);
        await until(() => commands[0]?.signalCode === 'SIGTERM', 'the command has ended');
      });
    }

    it('ends by SIGPIPE where nobody reads, and so does the command', async () => {
      const child = startThrough(server.prefix, ['yes']);
      child.stdout?.once('data', () => child.stdout?.destroy());
      expect(await endOf(child)).to.equal('SIGPIPE');
      await until(() => commands[0]?.signalCode !== null, 'the command has ended');
    });

    it('is deaf to what the caller’s environment asks of its language', async () => {
      const asked = ['PERL_UNICODE=SDA', 'PERL5OPT=-Mnonsense', 'NODE_OPTIONS=--nonsense'];
      const words = [...asked, ...server.prefix, 'sh', '-c', 'cat; exit 7'];
      const result = await runThrough(['env'], words, { input: 'é' });
      expect(result).to.deep.include({ status: 7, stdout: 'Ã©', stderr: '' });
    });

    it('does without what the caller has closed', async () => {
      const words = [...server.prefix, 'sh', '-c', 'cat; echo x; echo y >&2'];
      const child = spawn('sh', ['-c', 'exec "$@" <&- >&- 2>&-', 'sh', ...words]);
      expect(await endOf(child)).to.equal(0);
    });

    it('ends with 255 and a line where the testbed has gone', async () => {
      const refused = await run(['refuse']);
      expect(refused.status).to.equal(255);
      expect(refused.stderr).to.equal('regime: there is no testbed\n');
      const child = startThrough(server.prefix, ['sleep', '99']);
      await until(() => commands.length > 0, 'it runs');
      server.close();
      expect(await endOf(child)).to.equal(255);
      expect((await run(['true'])).status).to.equal(255);
      server = await serveAuxverbs(`${tempDir()}/socket`, start, [program]);
    });

    it('passes a terminal on, its size too, and leaves it as it was', async () => {
      const directory = tempDir();
      marks = directory;
      const words = server.prefix.map((word) => `'${word}'`).join(' ');
      const wait = (mark: string) => `until [ -e ${directory}/${mark} ]; do sleep 0.02; done`;
      const script = `stty rows 33 cols 77; stty -g
        { ${wait('runs')}; stty rows 44 cols 66; } </dev/tty &
        TERM=vt52 ${words} sh -c 'touch ${directory}/runs; ${wait('resized')}; exit 3'
        echo $?; stty -g`;
      const child = spawn('script', ['-qec', script, '/dev/null']);
      let seen = '';
      child.stdout.on('data', (data: Buffer) => (seen += data.toString()));
      await endOf(child);
      const [before, status, after] = seen.split('\r\n');
      expect([status, after]).to.deep.equal(['3', before]);
      expect(requests[0]?.terminal).to.deep.equal({ term: 'vt52', rows: 33, columns: 77 });
      expect(resizes.at(-1)).to.deep.equal([44, 66]);
    });
  });
}

describe("The auxverb's program", () => {
  const start = () => Promise.reject(new Error('none'));

  it('is another one where a file system runs none', async function () {
    const directory = tempDir();
    mkdirSync(`${directory}/noexec`);
    const mounted = spawnSync('mount', [
      '-t',
      'tmpfs',
      '-o',
      'noexec',
      'none',
      `${directory}/noexec`,
    ]);
    if (mounted.status !== 0) skip(this, 'mount(8) needs root');
    try {
      const server = await serveAuxverbs(`${directory}/noexec/socket`, start);
      expect(server.prefix.join(' ')).to.contain('perl');
      server.close();
    } finally {
      spawnSync('umount', [`${directory}/noexec`]);
    }
  });

  it('is the fastest elsewhere', async function () {
    if (!AUXVERB_PROGRAMS.native.content()) skip(this, `there is none for ${process.arch}`);
    const server = await serveAuxverbs(`${tempDir()}/socket`, start);
    expect(server.prefix.join(' ')).to.contain('/auxverb"').and.not.contain('perl');
    server.close();
  });
});
