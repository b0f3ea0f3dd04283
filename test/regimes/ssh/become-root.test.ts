import { expect } from 'chai';

import { connect } from '../../../regimes/ssh/connection/connect.ts';
import { resolveTarget } from '../../../regimes/ssh/connection/resolve.ts';
import { becomeRoot } from '../../../regimes/ssh/place/become-root.ts';
import { silentLogger } from '../../../src/log.ts';
import { makeAccount } from '../../support/account.ts';
import { startSshd, type TestSshd } from '../../support/sshd.ts';

describe('root on a machine behind ssh', () => {
  let sshd: TestSshd;

  before(async function () {
    sshd = await startSshd(this);
  });

  const connectAs = async (user: string) => {
    const { host, port, knownHosts, identity } = sshd;
    const request = { host, port, user, knownHosts, identityFiles: [identity], configFile: 'none' };
    const target = await resolveTarget(request, { log: silentLogger, unattended: true });
    return connect(target, { signal: new AbortController().signal, log: silentLogger });
  };

  it('is refused in the words of sudo, without those that ask for the password', async function () {
    this.timeout(60_000);
    const { name: user, password } = makeAccount({ shell: '/bin/sh' });
    const warnings: string[] = [];
    const log = { ...silentLogger, warn: (line: string) => void warnings.push(line) };
    const connection = await connectAs(user);
    const passwords = async function* () {
      yield await Promise.resolve(password);
    };
    try {
      await becomeRoot(connection, passwords, { signal: new AbortController().signal, log });
      expect(warnings).to.have.lengthOf(1);
      expect(warnings[0]).to.match(/^root-on-testbed is not advertised: .*not in the sudoers file/);
      expect(warnings[0]).not.to.contain('sudo-of-');
    } finally {
      connection.close();
    }
  });

  it('is not done without because the question for its password was given up', async function () {
    this.timeout(60_000);
    const { name: user } = makeAccount({ shell: '/bin/sh', sudo: 'password' });
    const log = silentLogger;
    const connection = await connectAs(user);
    const stop = new AbortController();
    // As `passwords`: nobody answers.
    const nobody = async function* () {
      await Promise.resolve();
      stop.abort(new Error('enough'));
      yield* [];
    };
    try {
      const words = await becomeRoot(connection, nobody, { signal: stop.signal, log }).then(
        ({ become }) => become.by,
        (cause: Error) => cause.message,
      );
      expect(words).to.equal('enough');
    } finally {
      connection.close();
    }
  });
});
