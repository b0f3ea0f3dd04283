import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';

import { expect } from 'chai';

import { renderProgress } from '../../src/cli/progress-text.ts';
import { cleanUpAfterTest } from '../support/clean-up.ts';
import { serverArgv } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';
import { openTerminal } from '../support/terminal.ts';

describe('a line of progress', () => {
  it('has a bar, bytes, rate and the time left where the size is known', () => {
    expect(
      renderProgress(
        'copying a',
        { done: 50e6, total: 200e6 },
        { elapsed: 9000, counting: 5000 },
        100,
      ),
    ).to.equal('copying a [#####...............]: 25%, 50.0 of 200.0 MB, 10.0 MB/s, 15 s left');
  });

  it('has bytes and rate, a stage, or only the time that it takes, where nothing else is known', () => {
    expect(renderProgress('copying a', { done: 3e6 }, { elapsed: 2000 }, 80)).to.equal(
      'copying a: 3.0 MB, 1.5 MB/s, 2 s',
    );
    expect(renderProgress('booting', { stage: 'a\x1b[2Jb' }, { elapsed: 61_000 }, 80)).to.equal(
      'booting: a [2Jb, 1 min 1 s',
    );
    expect(renderProgress('opening', {}, { elapsed: 3_700_000 }, 80)).to.equal(
      'opening: 1 h 1 min',
    );
  });

  it('never takes the last column, however narrow the window and wide the letters', () => {
    for (const what of ['copying a long name', '\u6f22'.repeat(40)]) {
      for (const columns of [1, 10, 20, 40, 79, 200]) {
        const line = renderProgress(what, { done: 1e9, total: 1e12 }, { elapsed: 9000 }, columns);
        const wide = line.replaceAll(/[^\u3000-\uffff]/g, '').length;
        expect(line.length + wide, line).to.be.below(Math.max(columns, 1));
      }
    }
  });
});

describe('progress', function () {
  this.timeout(60_000);
  let state: string;
  beforeEach(() => {
    state = tempDir();
  });

  /** A FIFO that we hold open: it takes as much as a pipe holds, and gives what we put in. */
  function makeFifo(): { path: string; put: (text: string) => void } {
    const path = `${tempDir()}/fifo`;
    spawnSync('mkfifo', [path]);
    const descriptor = openSync(path, 'r+');
    cleanUpAfterTest(() => closeSync(descriptor));
    return { path, put: (text) => void writeSync(descriptor, text) };
  }

  it('stands on the last line of a terminal and goes with what it is about', async () => {
    const big = `${tempDir()}/big`;
    writeFileSync(big, Buffer.alloc(20 << 20, 'x'));
    const gate = makeFifo();
    const terminal = openTerminal(serverArgv('null', '--setup', `read go <${gate.path}`), {
      XDG_STATE_HOME: state,
    });
    await terminal.shows(/null closed>/);
    terminal.press('open', 'Enter');
    await terminal.shows(/^opening the testbed: \d+ s$/m);
    gate.put('\n');
    const opened = await terminal.shows(/ok \/.* s\)\nnull open>/);
    expect(opened).not.to.contain('opening');
    terminal.press(`copydown ${big} ${makeFifo().path}`, 'Enter');
    await terminal.shows(/^copying \S*big to this host.*: \d%, .* of 21\.0 MB, .* left$/m);
    terminal.resize(60, 30);
    await terminal.shows(/^copying \S*….*: \d%, .* of 21\.0 MB.*$/m);
    terminal.press('C-c');
    const after = await terminal.shows(/interrupted \(.*\)\nnull open>/);
    expect(after).not.to.match(/copying|%/);
  });

  /** A directory for PATH with a program in it that stops after some data, until its test is over. */
  function makeSlow(name: string): string {
    const directory = tempDir();
    const real = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
    const script = `#!/bin/sh\n${real} "$@" | { head -c 8000000; read go <${makeFifo().path}; }\n`;
    writeFileSync(`${directory}/${name}`, script, { mode: 0o755 });
    return `${directory}:${process.env['PATH']}`;
  }

  it('tells the time left of a file that is copied from the testbed', async () => {
    const directory = tempDir();
    writeFileSync(`${directory}/big`, randomBytes(20_000_000));
    const terminal = openTerminal(serverArgv('null'), {
      XDG_STATE_HOME: state,
      PATH: makeSlow('cat'),
    });
    await terminal.shows(/closed>/);
    terminal.press('open', 'Enter');
    await terminal.shows(/open>/);
    terminal.press(`copyup ${directory}/big ${directory}/copy`, 'Enter');
    await terminal.shows(/^copying \S+ of this host.*: \d+%, \d\.\d of 20\.0 MB, .* left$/m);
  });

  it('tells the time left of a packed tarball by how much of it has been read', async function () {
    if (process.getuid?.() !== 0) skip(this, 'only root has no need of a user namespace');
    const directory = tempDir();
    writeFileSync(`${directory}/big`, randomBytes(20_000_000));
    spawnSync('tar', ['-C', directory, '-czf', `${directory}/tree.tar.gz`, './big']);
    const terminal = openTerminal(serverArgv('chroot', `${directory}/tree.tar.gz`), {
      XDG_STATE_HOME: state,
      XDG_CACHE_HOME: directory,
      PATH: makeSlow('gzip'),
    });
    await terminal.shows(/closed>/);
    terminal.press('open', 'Enter');
    await terminal.shows(/^unpacking \S+.*: \d+%, \d\.\d of 20\.0 MB, .* left$/m);
  });

  it('is not said where stderr is no terminal, nor to a dumb one, nor in the plain protocol', async () => {
    const [program = '', ...words] = serverArgv('run', `null --setup 'sleep 1.5'`, 'true');
    const env = { ...process.env, TERM: 'xterm', XDG_STATE_HOME: state };
    const piped = spawnSync(program, words, { env, encoding: 'utf8' });
    expect(piped).to.include({ status: 0, stdout: '', stderr: '' });
    for (const [args, variables] of [
      [[], { TERM: 'dumb' }],
      [['--raw'], {}],
    ] as const) {
      const argv = serverArgv('null', ...args, '--setup', 'sleep 1.5; echo done >&2; exit 1');
      const terminal = openTerminal(argv, { XDG_STATE_HOME: state, ...variables });
      await terminal.shows(args.length > 0 ? /^ok/m : /closed>/);
      terminal.press('open', 'Enter');
      const screen = await terminal.shows(/done/);
      expect(screen).not.to.contain('opening the testbed');
    }
  });
});
