import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { selfAs, sessionsOf } from '../crash/caller.ts';
import { openSession } from '../regimes/support/session.ts';
import { until } from '../regimes/support/until.ts';
import { tempDir } from '../support/tempdir.ts';

describe('a signal that comes while the testbed is closed already', function () {
  this.timeout(60_000);

  /** A server whose close says so by a file `begun`, and waits for one `go`. */
  async function slowServer() {
    const work = tempDir();
    mkdirSync(`${work}/bin`);
    const path = process.env['PATH'] ?? '/usr/bin:/bin';
    const script = `#!/bin/sh
PATH='${path}'
: >'${work}/begun'
until [ -e '${work}/go' ]; do sleep 0.01; done
exec rm "$@"
`;
    writeFileSync(`${work}/bin/rm`, script);
    chmodSync(`${work}/bin/rm`, 0o755);
    const caller = selfAs(work);
    const env = { ...caller.env, PATH: `${work}/bin:${path}` };
    const { server } = await openSession(caller, ['null'], { env });
    return { caller, server, work };
  }

  const reasons = {
    'because of quit': 'quit\n',
    'because of a failure': 'nonsense\n',
    'as its input has ended': undefined,
  };
  for (const [why, line] of Object.entries(reasons)) {
    it(`is what the server dies of when that is done, ${why}`, async () => {
      const { caller, server, work } = await slowServer();
      if (line === undefined) server.endInput();
      else server.send(line);
      await until(() => existsSync(`${work}/begun`), 'it was closing');
      server.child.kill('SIGTERM');
      writeFileSync(`${work}/go`, '');
      expect(await server.ended).to.deep.equal({ status: null, signal: 'SIGTERM' });
      expect(sessionsOf(caller)).to.deep.equal([]);
    });
  }
});
