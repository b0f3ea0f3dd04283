import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { expect } from 'chai';

import type { Finding } from '../../src/regime.ts';
import { cleanUpAfterTest } from '../support/clean-up.ts';
import { serverArgv } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';
import { hasPlainUser, plainUser } from '../support/user.ts';

interface Report {
  works: boolean;
  shared: Finding[];
  regimes: { regime: string; works: boolean; findings: Finding[] }[];
}

describe('regime doctor', () => {
  let state: string;
  beforeEach(() => {
    state = tempDir();
  });

  function call(argv: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const [program = '', ...args] = argv;
    const environment = { ...process.env, XDG_STATE_HOME: state, ...env };
    return spawnSync(program, args, { encoding: 'utf8', env: environment });
  }
  const doctor = (words: readonly string[], env?: NodeJS.ProcessEnv) =>
    call(serverArgv('doctor', ...words), env);

  it('says that what works works, exits with 0 and leaves nothing', () => {
    const { status, stdout, stderr } = doctor(['null']);
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect(stdout)
      .to.match(/^for all regimes: works\n {2}works +the state directory/)
      .and.to.match(/^null: works\n {2}works +perl/m);
    expect(readdirSync(state)).to.deep.equal([]);
  });

  it('opens testbeds of the chroot regime, as root and as a plain user', function () {
    if (process.getuid?.() === 0) {
      const { status, stdout } = doctor(['chroot']);
      expect(status, stdout).to.equal(0);
      expect(stdout).to.match(/^ {2}works +an overlay in namespaces/m);
    }
    if (!hasPlainUser()) skip(this, 'there is no plain user');
    const user = plainUser();
    const { status, stdout } = call(user.serverArgv('doctor', 'chroot'));
    expect(status, stdout).to.equal(0);
    expect(stdout).to.match(/^ {2}works +an overlay in namespaces/m);
    expect(readdirSync(join(user.home, 'state'))).to.deep.equal([]);
  });

  it('prints JSON for programs', () => {
    const { stdout, status } = doctor(['--json', 'null', 'ssh']);
    const report = JSON.parse(stdout) as Report;
    expect(report.works).to.equal(status === 0);
    expect(report.regimes.map(({ regime }) => regime)).to.deep.equal(['null', 'ssh']);
    expect(report.shared.every(({ state }) => state === 'works')).to.equal(true);
  });

  it('names the command that mends what is missing, and exits with 1', () => {
    const bin = tempDir();
    for (const name of ['flock', 'script'])
      symlinkSync(call(['sh', '-c', `command -v ${name}`]).stdout.trim(), join(bin, name));
    const { status, stdout } = doctor(['chroot', 'null'], { PATH: bin });
    expect(status).to.equal(1);
    expect(stdout)
      .to.match(/^for all regimes: does not work here$/m)
      .and.to.match(
        /^ {2}missing +tar, .*: there is no such program\n +mend it: .*apt-get install tar$/m,
      )
      .and.to.match(/^chroot: does not work here\n {2}missing +perl.*\n +mend it: .*perl-base$/m)
      .and.to.match(/^null: works\n {2}limited +perl/m);
  });

  it('does not wait for an engine that says nothing', async () => {
    const path = join(tempDir(), 'socket');
    const server = createServer((socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    cleanUpAfterTest(() => void server.close());
    const [program = '', ...args] = serverArgv('doctor', 'docker');
    const env = { ...process.env, XDG_STATE_HOME: state, DOCKER_HOST: `unix://${path}` };
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    const status = await new Promise((resolve) => child.once('close', resolve));
    expect(status).to.equal(1);
    expect(text).to.contain(`the engine at unix://${path}: no answer within 2 s`);
  });

  it('says where no engine is', () => {
    const path = join(tempDir(), 'socket');
    const { status, stdout } = doctor(['docker'], { DOCKER_HOST: `unix://${path}` });
    expect(status).to.equal(1);
    expect(stdout).to.match(/missing +the engine at .*: there is no such socket.*\n +mend it: /);
  });

  it('says that records can not be kept', () => {
    const { status, stdout } = doctor(['--state-dir=/dev/null/state', 'null']);
    expect(status).to.equal(1);
    expect(stdout).to.match(/missing +the state directory, below \/dev\/null: .*ENOTDIR/);
  });

  it('takes a regime of somebody else, and no name that is none', () => {
    const module = join(state, 'mine.mjs');
    const check = `() => Promise.reject(new Error('all is lost'))`;
    const rest = `operands: '', options: [], configure: () => 0, plan: () => 0, open() {}, discard() {}`;
    mkdirSync(state, { recursive: true });
    const text = `export const regime = { name: 'mine', summary: 'x', ${rest}, check: ${check} };`;
    call(['sh', '-c', 'printf %s "$1" >"$0"', module, text]);
    const { status, stdout } = doctor([module]);
    expect(status).to.equal(1);
    expect(stdout).to.match(/missing +the check: all is lost/);
    rmSync(module);
    expect(doctor(['nowhere']).status).to.equal(2);
  });
});
