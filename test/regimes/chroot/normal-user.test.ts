import { chmodSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { selfAs, type Caller } from '../../crash/caller.ts';
import { fileTempDir, tempDir } from '../../support/tempdir.ts';
import { needRoot } from '../support/needs.ts';
import { openSession } from '../support/session.ts';
import { copyProgram, makeSmallTree } from '../support/small-tree.ts';

describe('The account of a normal user in a chroot testbed', function () {
  this.timeout(60_000);
  let caller: Caller;
  let tree: string;

  before(function () {
    needRoot(this);
    tree = makeSmallTree(`${fileTempDir()}/tree`);
    chmodSync(`${tree}/..`, 0o755);
  });

  beforeEach(() => {
    caller = selfAs(tempDir());
  });

  async function opened() {
    const session = await openSession(caller, ['chroot', tree]);
    const words = await session.capabilities();
    await session.revert();
    expect(await session.capabilities(), 'after a revert').to.deep.equal(words);
    await session.quit();
    return { words, stderr: session.server.stderr() };
  }

  function fakeSu(script: string) {
    writeFileSync(`${tree}/usr/bin/su`, `#!/bin/sh\n${script}\n`);
    chmodSync(`${tree}/usr/bin/su`, 0o755);
  }

  const expectWithdrawn = ({ words, stderr }: Awaited<ReturnType<typeof opened>>, why: string) => {
    expect(words).to.include.members(['revert', 'root-on-testbed']);
    expect(words).to.not.include('revert-full-system');
    expect(words.filter((word) => word.startsWith('suggested-normal-user'))).to.deep.equal([]);
    const line = `regime: revert-full-system is not advertised: su to regime ${why}`;
    expect(stderr.split('\n').filter((each) => each.startsWith(line))).to.have.length(1);
  };

  it('is promised where there is no su: the caller has to have its own way', async () => {
    const { words } = await opened();
    expect(words).to.include.members(['revert-full-system', 'suggested-normal-user=regime']);
  });

  it('is not promised where su fails, or leaves the user as it was', async () => {
    fakeSu('echo "Password: " >&2; exit 1');
    expectWithdrawn(await opened(), 'fails: Password:');
    fakeSu('shift 4; exec sh -c "$@"');
    expectWithdrawn(await opened(), 'does not change the user');
  });

  it('is promised, and all of revert with it, where su works', async () => {
    copyProgram('setpriv', tree);
    fakeSu('exec setpriv --reuid 1000 --regid 1000 --clear-groups "$2" "$4" "$5"');
    const { words, stderr } = await opened();
    expect(words).to.include.members(['revert-full-system', 'suggested-normal-user=regime']);
    expect(stderr).to.equal('');
  });
});
