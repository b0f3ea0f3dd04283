import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { PassThrough, Readable } from 'node:stream';

import { expect } from 'chai';

import { connect, RequestFailed, ServerFailed, type Connection } from '../../src/index.ts';
import { cleanUpAfterTest } from '../support/clean-up.ts';
import { serverArgv } from '../support/server.ts';
import { tempDir } from '../support/tempdir.ts';

/** A server of the null regime with its own state, ended after the test. */
async function begin(...args: string[]): Promise<Connection> {
  const connection = await connect(serverArgv('null', '--state-dir', tempDir(), ...args));
  cleanUpAfterTest(() => connection.quit());
  return connection;
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof Error) return error;
  throw new Error('it did not reject');
}

describe('connect', function () {
  this.timeout(30_000);

  it('opens a testbed, runs commands there side by side, copies both ways and closes it', async () => {
    const connection = await begin();
    const scratch = await connection.open();
    const host = tempDir();
    mkdirSync(`${host}/in`);
    writeFileSync(`${host}/in/näme`, 'data');
    await connection.copyDown(`${host}/in/`, `${scratch}/there/`);
    const command = ['sh', '-c', 'cat "$1"; cat >&2; exit 3', 'sh', `${scratch}/there/näme`];
    const results = await Promise.all(
      ['one', 'two'].map((input) => connection.exec(command, { input })),
    );
    expect(results.map(({ status }) => status)).to.deep.equal([3, 3]);
    expect(results.map(({ stdout }) => stdout.toString())).to.deep.equal(['data', 'data']);
    expect(results.map(({ stderr }) => stderr.toString())).to.deep.equal(['one', 'two']);
    await connection.copyUp(`${scratch}/there/näme`, `${host}/back`);
    expect(readFileSync(`${host}/back`, 'utf8')).to.equal('data');
    await connection.close();
    expect(await connection.open()).to.not.equal(scratch);
  });

  it('takes names and arguments that are no text', async () => {
    const connection = await begin();
    await connection.open();
    const word = Buffer.from([0xff, 0x0a, 0x80]);
    const { stdout } = await connection.exec(['printf', '%s', word]);
    expect(stdout).to.deep.equal(word);
  });

  it('streams both ways, with variables and a directory of their own', async () => {
    const connection = await begin();
    await connection.open();
    const stdout = new PassThrough();
    const text = stdout.toArray();
    const { status } = await connection.exec(['sh', '-c', 'echo "$A $(pwd)"; cat'], {
      stdin: Readable.from(['in ', 'pieces']),
      stdout,
      env: { A: 'with a space' },
      cwd: '/usr',
    });
    stdout.end();
    expect(status).to.equal(0);
    expect(Buffer.concat((await text) as Buffer[]).toString()).to.equal(
      'with a space /usr\nin pieces',
    );
  });

  it('reads what a server advertises', async () => {
    const connection = await begin('--capability', 'isolation-machine');
    await connection.open();
    const found = await connection.capabilities();
    expect(found).to.deep.include({ name: 'isolation-machine' });
  });

  it('lives on after a copy that failed, with the reason in the error', async () => {
    const connection = await begin();
    const scratch = await connection.open();
    const error = await rejection(connection.copyDown('/no/such/file', `${scratch}/x`));
    expect(error).to.be.instanceOf(RequestFailed);
    expect(error.message).to.match(/no such file/);
    expect((await connection.exec(['true'])).status).to.equal(0);
  });

  it('ends a command, but not the session, when its signal is aborted', async () => {
    const connection = await begin();
    await connection.open();
    const given = new AbortController();
    const stdout = new PassThrough().once('data', () => given.abort(new Error('enough')));
    const running = connection.exec(['sh', '-c', 'echo on; exec sleep 1000'], {
      stdout,
      signal: given.signal,
    });
    expect((await rejection(running)).message).to.equal('enough');
    expect((await connection.exec(['true'])).status).to.equal(0);
  });

  it('ends the server when a request is given up', async () => {
    const connection = await begin('--setup', 'sleep 1000');
    const given = AbortSignal.timeout(300);
    expect((await rejection(connection.open({ signal: given }))).name).to.equal('TimeoutError');
    expect(await rejection(connection.capabilities())).to.be.instanceOf(ServerFailed);
  });

  it('says why a server does not start or fails', async () => {
    const missing = await rejection(connect(serverArgv('chroot', '/no/such/tree')));
    expect(missing).to.be.instanceOf(ServerFailed);
    expect(missing.message).to.match(/exit status 2: .*\/no\/such\/tree/);
    const connection = await begin('--setup', 'echo broken >&2; exit 7');
    expect((await rejection(connection.open())).message).to.match(/exit status 12: .*broken/);
    const nothing = await rejection(connect(['/no/such/server']));
    expect(nothing.message).to.match(/ENOENT/);
  });

  it('quits when its block ends, and drives the servers of others', async () => {
    let pid = 0;
    {
      await using connection = await connect(['/usr/bin/autopkgtest-virt-null']);
      pid = connection.pid;
      await connection.open();
      expect((await connection.exec(['echo', 'hello'])).stdout.toString()).to.equal('hello\n');
    }
    expect(() => process.kill(pid, 0)).to.throw(/ESRCH/);
  });
});
