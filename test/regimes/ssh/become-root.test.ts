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

  it('is not done without because the question for its password was given up', async function () {
    this.timeout(60_000);
    const { name: user } = makeAccount({ shell: '/bin/sh', sudo: 'password' });
    const { host, port, knownHosts, identity } = sshd;
    const log = silentLogger;
    const request = { host, port, user, knownHosts, identityFiles: [identity], configFile: 'none' };
    const target = await resolveTarget(request, { log, unattended: true });
    const connection = await connect(target, { signal: new AbortController().signal, log });
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
