import { createServer, type Server, type Socket } from 'node:net';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import type { Request } from '../../../../regimes/ssh/connection/target.ts';
import { makeAccount, type TestAccount } from '../../../support/account.ts';
import { cleanUpAfterTest } from '../../../support/clean-up.ts';
import { startDropbear, startSshd, type TestSshd } from '../../../support/sshd.ts';
import { fileTempDir, tempDir } from '../../../support/tempdir.ts';
import { connected, logIn, outcome } from './support.ts';

describe('a way to a machine behind ssh', function () {
  this.timeout(60_000);
  let sshd: TestSshd;
  let behind: TestSshd;
  let account: TestAccount;
  let user: string;

  before('start two servers', async function () {
    sshd = await startSshd(this);
    behind = await startSshd(this);
    account = makeAccount({ shell: '/bin/sh' });
    user = account.name;
  });

  /** The one line that a log-in fails with. */
  async function refusal(server: TestSshd, request: Partial<Request> = {}): Promise<string> {
    const { connection, failure } = await logIn(server, { user, ...request });
    connection?.close();
    expect(failure).to.match(/^[^\n]+$/);
    return failure;
  }

  async function says(server: TestSshd, request: Partial<Request> = {}): Promise<string> {
    const connection = await connected(server, { user, ...request });
    const channel = await connection.exec('echo "$USER at ${SSH_CONNECTION##* }"');
    channel.stdin.end();
    const { stdout } = await outcome(channel);
    connection.close();
    return stdout.trim();
  }

  describe('that is not there', () => {
    it('names a host that does not resolve', async () => {
      const failure = await refusal(sshd, { host: 'no-such-host.invalid' });
      expect(failure).to.match(/cannot connect to .*@no-such-host\.invalid.*name.*resolve/);
    });

    it('says where nobody listens', async () => {
      const port = await portOf(await listen(() => {}), true);
      const failure = await refusal(sshd, { port });
      expect(failure)
        .to.contain(`port ${port}`)
        .and.match(/nobody listens.*sshd/);
    });

    it('says of a peer that it is no ssh server', async () => {
      const port = await portOf(
        await listen((peer) => peer.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      );
      expect(await refusal(sshd, { port })).to.match(/does an ssh server listen there/);
    });

    it('says of a peer that it goes without a word', async () => {
      const port = await portOf(await listen((peer) => peer.end()));
      expect(await refusal(sshd, { port })).to.match(/closed.*does an ssh server listen there/);
    });

    it('gives a peer up that does not greet, or stops in the middle of it', async () => {
      for (const greeting of ['', 'SSH-2.0-half']) {
        const port = await portOf(await listen((peer) => peer.write(greeting)));
        const options = [['ConnectTimeout', '1']] as const;
        expect(await refusal(sshd, { port, options })).to.match(/did not greet within 1 s/);
      }
    });

    it('gives up a peer that talks without end', async () => {
      const port = await portOf(
        await listen((peer) => peer.write('welcome to this machine\r\n'.repeat(500_000))),
      );
      const options = [['ConnectTimeout', '2']] as const;
      expect(await refusal(sshd, { port, options })).to.match(/ssh server/);
    });
  });

  describe('whose key', () => {
    it('is not known is refused with its fingerprint and the command that adds it', async () => {
      // Whoever has never used ssh has no directory for it either.
      const knownHosts = `${tempDir()}/ssh/known_hosts`;
      const failure = await refusal(sshd, { knownHosts });
      const [, print = 'none'] = /SHA256:(\S+)/.exec(fingerprintOf(sshd)) ?? [];
      expect(failure).to.contain(print);
      const [command = ''] = /mkdir [^,;]*; ssh-keyscan [^,;]*known_hosts/.exec(failure) ?? [];
      expect(spawnSync('sh', ['-c', command]).status).to.equal(0);
      expect(await says(sshd, { knownHosts })).to.equal(`${user} at ${sshd.port}`);
    });

    it('is not known is taken where that is asked for, and is known from then on', async () => {
      const knownHosts = `${tempDir()}/known_hosts`;
      const first = await logIn(sshd, { user, knownHosts, hostKey: 'accept-new' });
      first.connection?.close();
      expect(first.warnings.join()).to.contain(knownHosts);
      expect(await says(sshd, { knownHosts })).to.equal(`${user} at ${sshd.port}`);
    });

    it('has changed is refused with file and line, whatever may be added', async () => {
      const changing = behind;
      await changing.changeKey();
      const options = [['StrictHostKeyChecking', 'no']] as const;
      for (const request of [{}, { hostKey: 'accept-new' }, { options }] as const) {
        const failure = await refusal(changing, request);
        expect(failure)
          .to.contain(`${changing.knownHosts}:1`)
          .and.match(/another machine/);
        expect(failure).to.match(/ssh-keygen -f \S+ -R '\[127\.0\.0\.1\]:[0-9]+'/);
      }
      writeFileSync(changing.knownHosts, lineOf(changing));
      expect(await says(changing)).to.equal(`${user} at ${changing.port}`);
    });
  });

  describe('with jumps', () => {
    /** Two hops: `near` is the first server, `middle` is it again, by way of `near`. */
    function configFile(...lines: string[]): string {
      const file = `${fileTempDir()}/config`;
      const hop = (name: string, ...more: string[]) => [
        `Host ${name}`,
        ...[`HostName ${sshd.host}`, `Port ${sshd.port}`, `User ${user}`, ...more],
        ...[`IdentityFile ${sshd.identity}`, 'IdentitiesOnly yes'],
        ...[`UserKnownHostsFile ${sshd.knownHosts}`, 'GlobalKnownHostsFile /dev/null'],
      ];
      const text = [...hop('near', ...lines), ...hop('middle')].join('\n');
      writeFileSync(file, `${text}\n`, { mode: 0o600 });
      return file;
    }

    it('of two hosts leads to a third', async () => {
      const options = [['ProxyJump', 'near,middle']] as const;
      expect(await says(behind, { configFile: configFile(), options })).to.equal(
        `${user} at ${behind.port}`,
      );
    });

    it('checks the key of each host on the way', async () => {
      const options = [['ProxyJump', 'near,middle']] as const;
      const file = configFile('UserKnownHostsFile /dev/null');
      const failure = await refusal(behind, { configFile: file, options });
      expect(failure).to.match(/cannot log in to \S+@near .*key is not known/);
    });

    it('says which host can not be reached from which', async () => {
      const port = await portOf(await listen(() => {}), true);
      const options = [['ProxyJump', 'near,middle']] as const;
      const failure = await refusal(behind, { configFile: configFile(), port, options });
      expect(failure).to.match(
        /cannot connect to \S+ \(127\.0\.0\.1 port \d+\) by way of \S+@middle.*refused/i,
      );
    });
  });

  describe('through a ProxyCommand', () => {
    const by = (command: string) => ({ options: [['ProxyCommand', command]] as const });

    it('leads where that leads', async () => {
      const file = `${tempDir()}/there`;
      writeFileSync(file, RELAY);
      expect(await says(sshd, by(`perl ${file} %h:%p`))).to.equal(`${user} at ${sshd.port}`);
    });

    it('says how that ended, and its last words', async () => {
      const failure = await refusal(sshd, by('sh -c "echo no way there >&2; exit 7"'));
      expect(failure).to.match(/ProxyCommand.*7.*no way there/);
      expect(failure).not.to.match(/ssh server listen there/);
    });

    it('says that there is no such program', async () => {
      expect(await refusal(sshd, by('no-such-program'))).to.match(/ProxyCommand.*127.*not found/);
    });
  });

  it('says what a wrong key and a wrong password need', async () => {
    const key = `${tempDir()}/key`;
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    expect(await refusal(sshd, { identityFiles: [key] })).to.match(
      new RegExp(`tried: .*${key}.*would take: .*add a key to authorized_keys of ${user}`),
    );
  });

  describe('to a peer that falls silent', () => {
    it('is lost after as many questions as ServerAliveCountMax says', async () => {
      const options = [
        ['ServerAliveInterval', '1'],
        ['ServerAliveCountMax', '2'],
      ] as const;
      const connection = await connected(sshd, { user, options });
      const channel = await connection.exec('exec cat');
      const whole = outcome(channel);
      sshd.pause();
      const before = Date.now();
      try {
        expect((await whole).ending).to.have.property('lost');
        expect((await connection.lost).message).to.match(/dead: no answer came in time/);
        expect(Date.now() - before).to.be.lessThan(30_000);
        const late = await connection.exec('true').catch((cause: Error) => cause.message);
        expect(late).to.match(/cannot run a command on .*dead/);
      } finally {
        sshd.resume();
      }
    });

    it('is given up at the log-in', async () => {
      sshd.pause();
      try {
        expect(await refusal(sshd, { options: [['ConnectTimeout', '1']] })).to.match(/within 1 s/);
      } finally {
        sshd.resume();
      }
    });
  });

  describe('to a dropbear', () => {
    let dropbear: TestSshd;
    before(async function () {
      dropbear = await startDropbear(this, [account]);
    });

    it('runs commands, many at once', async () => {
      const connection = await connected(dropbear, { user });
      const channels = await Promise.all(
        Array.from({ length: 20 }, () => connection.exec('cat; exit 3')),
      );
      const all = channels.map((channel, n) => {
        channel.stdin.end(`${n}`);
        return outcome(channel);
      });
      for (const [n, { stdout, ending }] of (await Promise.all(all)).entries()) {
        expect({ stdout, ending }).to.deep.equal({ stdout: `${n}`, ending: { status: 3 } });
      }
      connection.close();
    });

    it('carries megabytes each way unharmed', async () => {
      const connection = await connected(dropbear, { user });
      const data = Buffer.alloc(8 << 20, 'regime/');
      const channel = await connection.exec('cat');
      channel.stdin.end(data);
      const { stdout } = await outcome(channel);
      expect(stdout === data.toString('latin1')).to.equal(true);
      connection.close();
    });

    it('is refused where its key has changed', async () => {
      await dropbear.changeKey();
      expect(await refusal(dropbear)).to.contain(`${dropbear.knownHosts}:1`);
    });
  });
});

/** What nc does. */
const RELAY = `use IO::Socket;
my $peer = IO::Socket::INET->new($ARGV[0]) or die;
sub pass { syswrite $_[1], $_ while sysread $_[0], $_, 65536 }
if (my $child = fork) { pass(*STDIN, $peer); shutdown $peer, 1; waitpid $child, 0 }
else { pass($peer, *STDOUT) }
`;

/** The line of known_hosts for the key that a server has now. */
function lineOf({ host, port, knownHosts }: TestSshd): string {
  const key = readFileSync(knownHosts.replace(/known_hosts$/, 'host_key.pub'), 'utf8');
  return `[${host}]:${port} ${key}`;
}

function fingerprintOf({ knownHosts }: TestSshd): string {
  return spawnSync('ssh-keygen', ['-l', '-f', knownHosts], { encoding: 'utf8' }).stdout;
}

async function listen(greet: (peer: Socket) => void): Promise<Server> {
  const peers: Socket[] = [];
  const server = createServer((peer) => {
    peers.push(peer.on('error', () => {}));
    greet(peer);
  });
  cleanUpAfterTest(() => {
    server.close();
    for (const peer of peers) peer.destroy();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

/** @param closed the port is to be one at which nobody listens */
async function portOf(server: Server, closed = false): Promise<number> {
  const address = server.address();
  if (closed) await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}
