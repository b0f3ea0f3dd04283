import { expect } from 'chai';

import type { Connection } from '../../../../regimes/ssh/connection/channel.ts';
import { makeAccount } from '../../../support/account.ts';
import { startSshd, type TestSshd } from '../../../support/sshd.ts';
import { connected, outcome } from './support.ts';

describe('many commands at once over ssh', () => {
  let sshd: TestSshd;
  let connection: Connection;
  let user: string;

  before('start a server', async function () {
    sshd = await startSshd(this, { lines: ['MaxSessions 3'] });
    user = makeAccount({ shell: '/bin/sh' }).name;
  });

  beforeEach('log in', async () => {
    connection = await connected(sshd, { user });
  });

  afterEach('log out', () => connection.close());

  it('are run on further connections where the server takes no more on one', async () => {
    const channels = await Promise.all(
      Array.from({ length: 20 }, () => connection.exec('read line; echo "$line"')),
    );
    // All of them run: none has ended, and none waits.
    const outcomes = channels.map((channel, n) => {
      channel.stdin.end(`${n}\n`);
      return outcome(channel);
    });
    const words = (await Promise.all(outcomes)).map(({ stdout }) => stdout.trim());
    expect(words).to.deep.equal(channels.map((_, n) => `${n}`));
  });

  it('all end with a loss where the connection goes', async () => {
    const channels = await Promise.all(Array.from({ length: 5 }, () => connection.exec('cat')));
    const outcomes = channels.map(outcome);
    connection.close();
    for (const { ending } of await Promise.all(outcomes)) expect(ending).to.have.property('lost');
    expect((await connection.lost).message).to.match(/closed by us/);
    const failure = await connection.exec('true').catch((cause: Error) => cause.message);
    expect(failure).to.match(/cannot run a command on \S+@127\.0\.0\.1/);
  });

  it('may be given up while they wait', async () => {
    const channels = await Promise.all(Array.from({ length: 3 }, () => connection.exec('cat')));
    const giveUp = new AbortController();
    const waiting = connection.exec('true', { signal: giveUp.signal });
    giveUp.abort(new Error('given up'));
    expect(await waiting.catch((cause: Error) => cause.message)).to.equal('given up');
    for (const channel of channels) channel.stdin.end();
    await Promise.all(channels.map(outcome));
  });

  it('are many more than there are connections, one after the other', async function () {
    this.timeout(60_000);
    const all = Array.from({ length: 60 }, async (_, n) => {
      const { stdout, ending } = await outcome(await connection.exec(`echo ${n}; exit 3`));
      return [stdout, ending];
    });
    expect(await Promise.all(all)).to.deep.equal(all.map((_, n) => [`${n}\n`, { status: 3 }]));
  });
});
