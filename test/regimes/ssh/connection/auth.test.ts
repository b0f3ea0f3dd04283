import { expect } from 'chai';
import { spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { connect } from '../../../../regimes/ssh/connection/connect.ts';
import { resolveTarget } from '../../../../regimes/ssh/connection/resolve.ts';
import type { Request } from '../../../../regimes/ssh/connection/target.ts';
import { makeAccount, type TestAccount } from '../../../support/account.ts';
import { cleanUpAfterTest } from '../../../support/clean-up.ts';
import { startSshd, type TestSshd } from '../../../support/sshd.ts';
import { tempDir } from '../../../support/tempdir.ts';
import { publicKeyLine } from './public-key.ts';

describe('logging in over ssh', () => {
  let sshd: TestSshd;
  let account: TestAccount;
  const signal = new AbortController().signal;

  before('start a server', async function () {
    sshd = await startSshd(this, { lines: ['PubkeyAuthentication yes', 'MaxAuthTries 6'] });
    account = makeAccount();
  });

  interface Attempt extends Partial<Request> {
    password?: string;
    agent?: string;
  }

  /** @returns what went wrong and what was warned of; both empty where all went well */
  async function logIn({ password, agent = 'none', ...request }: Attempt = {}) {
    const warnings: string[] = [];
    const log = { warn: (message: string) => void warnings.push(message), debug: () => {} };
    const { host, port, knownHosts } = sshd;
    const options = [
      ['IdentityAgent', agent],
      ['BatchMode', 'yes'],
      ...(request.options ?? []),
    ] as const;
    const whole = { host, port, user: 'root', knownHosts, configFile: 'none', ...request, options };
    const given = password === undefined ? {} : { password: () => Promise.resolve(password) };
    try {
      const connection = await connect(await resolveTarget(whole, { log, ...given }), {
        signal,
        log,
      });
      connection.close();
      return { failure: '', warnings };
    } catch (cause) {
      return { failure: (cause as Error).message, warnings };
    }
  }

  function makeKey(type: string, ...more: string[]): string {
    const file = `${tempDir()}/key`;
    const { status, stderr } = spawnSync('ssh-keygen', ['-q', '-t', type, '-f', file, ...more], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
    admit(readFileSync(`${file}.pub`, 'utf8'));
    return file;
  }

  function admit(line: string): void {
    appendFileSync(sshd.identity.replace(/identity$/, 'authorized_keys'), line);
  }

  for (const type of ['ed25519', 'ecdsa', 'rsa']) {
    it(`takes an ${type} key`, async () => {
      const file = makeKey(type, '-N', '');
      expect(await logIn({ identityFiles: [file] })).to.deep.equal({ failure: '', warnings: [] });
    });

    it(`takes an ${type} key in PKCS#8`, async () => {
      const { privateKey } =
        type === 'ed25519'
          ? generateKeyPairSync('ed25519')
          : type === 'rsa'
            ? generateKeyPairSync('rsa', { modulusLength: 2048 })
            : generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const file = `${tempDir()}/key`;
      writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
      admit(await publicKeyLine(file));
      expect(await logIn({ identityFiles: [file] })).to.deep.equal({ failure: '', warnings: [] });
    });
  }

  for (const type of ['ecdsa', 'rsa']) {
    it(`takes an ${type} key in PEM`, async () => {
      const file = makeKey(type, '-N', '', '-m', 'PEM');
      expect(await logIn({ identityFiles: [file] })).to.deep.equal({ failure: '', warnings: [] });
    });
  }

  it('takes the key of an agent, and the agent for a file of which it has the other half', async () => {
    const file = makeKey('ed25519', '-N', '');
    const agent = await startAgent();
    expect(
      spawnSync('ssh-add', ['-q', file], { env: { ...process.env, SSH_AUTH_SOCK: agent } }).status,
    ).to.equal(0);
    expect(await logIn({ agent })).to.deep.equal({ failure: '', warnings: [] });
    const options = [['IdentitiesOnly', 'yes']] as const;
    expect(await logIn({ agent, identityFiles: [`${file}.pub`], options })).to.deep.equal({
      failure: '',
      warnings: [],
    });
    expect((await logIn({ agent, options })).failure).to.match(/cannot log in/);
  });

  it('tries the named key before the many of an agent', async () => {
    const agent = await startAgent();
    const env = { ...process.env, SSH_AUTH_SOCK: agent };
    const directory = tempDir();
    for (let n = 0; n < 8; n += 1) {
      spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', `${directory}/${n}`]);
      spawnSync('ssh-add', ['-q', `${directory}/${n}`], { env });
    }
    expect(await logIn({ agent, identityFiles: [sshd.identity] })).to.deep.equal({
      failure: '',
      warnings: [],
    });
    expect((await logIn({ agent })).failure).to.match(/too many.*--identity=FILE.*IdentitiesOnly/i);
  });

  it('takes a password', async () => {
    const { name: user, password } = account;
    expect(await logIn({ user, password })).to.deep.equal({ failure: '', warnings: [] });
  });

  it('says that a password is wrong', async () => {
    const { failure } = await logIn({ user: account.name, password: 'wrong' });
    expect(failure).to.match(/cannot log in to .*a password.*\n?$/);
    expect(failure).not.to.match(/\n/);
  });

  it('says which keys were tried, and what the server would take', async () => {
    const file = `${tempDir()}/key`;
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
    const { failure } = await logIn({ identityFiles: [file] });
    expect(failure).to.contain(file);
    expect(failure).to.match(/publickey.*password.*--identity=FILE, or a password with --password/);
  });

  it('does not ask for a passphrase where nobody is to be asked', async () => {
    const file = makeKey('ed25519', '-N', 'secret');
    const { failure, warnings } = await logIn({ identityFiles: [file] });
    expect(warnings.join('\n')).to.match(/wants a passphrase.*ssh-agent/);
    expect(failure).to.match(/cannot log in/);
  });

  it('leaves a key alone that others can read, or that is none', async () => {
    const file = makeKey('ed25519', '-N', '');
    spawnSync('chmod', ['644', file]);
    expect((await logIn({ identityFiles: [file] })).warnings.join()).to.match(/chmod 600/);
    writeFileSync(file, 'no key\n');
    expect((await logIn({ identityFiles: [file] })).warnings.join()).to.match(/can not be used/);
  });

  async function startAgent(): Promise<string> {
    const socket = `${tempDir()}/agent`;
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    cleanUpAfterTest(() => void agent.kill());
    while (!existsSync(socket)) await sleep(10);
    return socket;
  }
});
