import { expect } from 'chai';
import { buffer } from 'node:stream/consumers';

import type { Connection } from '../../../../regimes/ssh/connection/channel.ts';
import { makeAccount } from '../../../support/account.ts';
import { startSshd, type TestSshd } from '../../../support/sshd.ts';
import { connected, outcome } from './support.ts';

describe('a command over ssh', () => {
  let sshd: TestSshd;
  let connection: Connection;

  before('start a server and log in', async function () {
    sshd = await startSshd(this);
    const { name: user } = makeAccount({ shell: '/bin/sh' });
    connection = await connected(sshd, { user });
  });

  after('log out', () => connection.close());

  it('has streams of its own and an exit status', async () => {
    const channel = await connection.exec('cat; echo bad >&2; exit 3');
    channel.stdin.end('word\n');
    expect(await outcome(channel)).to.deep.equal({
      stdout: 'word\n',
      stderr: 'bad\n',
      ending: { status: 3 },
    });
  });

  it('ends by a signal', async () => {
    const { ending } = await outcome(await connection.exec('kill -KILL $$'));
    expect(ending).to.deep.equal({ signal: 'SIGKILL' });
  });

  it('hears the end of its input while its output flows', async () => {
    const channel = await connection.exec('cat >/dev/null; echo after');
    channel.stdin.end();
    expect((await outcome(channel)).stdout).to.equal('after\n');
  });

  it('is sent byte for byte', async () => {
    const { stdout } = await outcome(await connection.exec("printf %s '\xff\xc3\xa9\x01'"));
    expect(stdout).to.equal('\xff\xc3\xa9\x01');
  });

  it('carries megabytes each way unharmed', async () => {
    const data = Buffer.alloc(16 << 20, 'regime/');
    const channel = await connection.exec('cat');
    channel.stdin.end(data);
    const [read, rest] = await Promise.all([buffer(channel.stdout), buffer(channel.stderr)]);
    expect(read.equals(data)).to.equal(true);
    expect(rest.length).to.equal(0);
  });

  it('that leaves its input unread breaks the pipe', async () => {
    const channel = await connection.exec('exec true');
    const broken = new Promise((resolve) => channel.stdin.once('error', resolve));
    channel.stdin.write(Buffer.alloc(8 << 20));
    const { ending } = await outcome(channel);
    expect(ending).to.deep.equal({ status: 0 });
    expect(await broken).to.have.property('code', 'EPIPE');
  });

  it('has a terminal where one is wanted, of the size that was told', async () => {
    const pty = { term: 'dumb', rows: 11, columns: 22 };
    const channel = await connection.exec('stty size; read line; stty size', { pty });
    channel.resize(33, 44);
    channel.stdin.write('\n');
    const { stdout } = await outcome(channel);
    expect(stdout).to.match(/^\s*(11 22|33 44)\s+33 44\s*$/);
  });

  it('may be slow to be read', async () => {
    const channel = await connection.exec(
      'head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2',
    );
    channel.stderr.resume();
    await new Promise((resolve) => channel.stdout.once('readable', resolve));
    expect((await outcome(channel)).stdout.length).to.equal(5_000_000);
  });
});
