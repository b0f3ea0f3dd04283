import { mkdtempSync, readdirSync, readlinkSync, rmdirSync } from 'node:fs';

import { expect } from 'chai';

import { selfAs, sessionsOf } from '../crash/caller.ts';
import { cleanUpAfterTest } from '../support/clean-up.ts';
import { tempDir } from '../support/tempdir.ts';
import { needRoot } from './support/needs.ts';
import { openSession, refusedOpen, refusedStart } from './support/session.ts';
import { until } from './support/until.ts';

describe('regimes inside each other', function () {
  this.timeout(60_000);
  let tree: string;

  before(function () {
    tree = needRoot(this);
  });

  for (const [name, chain] of [
    ['null + chroot TREE', ['null', '+', 'chroot', 'TREE']],
    ['chroot TREE + null', ['chroot', 'TREE', '+', 'null']],
    ['null + chroot TREE + null', ['null', '+', 'chroot', 'TREE', '+', 'null']],
  ] as const) {
    it(`${name}: a testbed that reverts, with the tree's own root and users`, async () => {
      const args = chain.map((word) => (word === 'TREE' ? tree : word));
      const caller = selfAs(tempDir());
      const bed = await openSession(caller, [...args]);
      const words = await bed.capabilities();
      expect(words).to.include.members(['revert', 'root-on-testbed']);
      expect(words.join(' ')).to.not.include('downtmp-host');
      await bed.sh('rm -rf /usr/share; touch /new');
      expect(await bed.sh('echo "$HOME $PATH"')).to.match(/^\/root \/usr\/local\/sbin:/);
      await bed.revert();
      expect(await bed.sh('ls -d /ne[w] /usr/share 2>/dev/null || :')).to.equal('/usr/share');
      const echo = await bed.run('sh', '-c', 'cat; exit 7');
      expect(echo.status).to.equal(7);
      await bed.quit();
    });
  }

  it('chroot / + chroot TREE works in the testbed, not on the host', async () => {
    const marker = mkdtempSync('/srv/regime-test-');
    cleanUpAfterTest(() => rmdirSync(marker));
    const bed = await openSession(selfAs(tempDir()), [
      'chroot',
      '--privileged',
      '/',
      '+',
      'chroot',
      tree,
    ]);
    expect(await bed.sh(`ls -d ${marker} 2>/dev/null || :`)).to.equal('');
    await bed.sh('touch /new');
    await bed.revert();
    expect(await bed.sh('ls /ne[w] 2>/dev/null || :')).to.equal('');
    await bed.quit();
  });

  it('chroot / + chroot / is one clear line where the outer may not make namespaces', async () => {
    const refusal = await refusedOpen(selfAs(tempDir()), ['chroot', '/', '+', 'chroot', '/']);
    expect(refusal).to.include({ status: 12, replies: '' });
    expect(refusal.lines, refusal.lines.join('\n')).to.have.length(1);
    expect(refusal.lines[0]).to.match(/failure: open: cannot make .*namespace.*\(.*\)$/);
  });

  it('are all gone when the server is killed', async () => {
    const caller = selfAs(tempDir());
    const bed = await openSession(caller, ['null', '+', 'chroot', tree]);
    const [session = ''] = sessionsOf(caller);
    const inner = await bed.sh('readlink /proc/self/ns/pid');
    bed.server.child.kill('SIGKILL');
    await bed.server.ended;
    await until(() => !pidNamespaces().includes(inner), 'the testbed went with its server');
    expect(session).to.not.equal('');
  });

  for (const [args, words] of [
    [['null', '+'], /a regime is wanted after each \+/],
    [['+', 'null'], /no regime is named/],
    [['null', '+', 'chroot'], /one operand/],
    [['null', 'x', '+', 'null'], /no operand/],
    [['null', '+', 'nonsense'], /nonsense/],
  ] as const) {
    it(`is refused as ${args.join(' ')}`, async () => {
      const refusal = await refusedStart(selfAs(tempDir()), [...args]);
      expect(refusal).to.include({ status: 2, replies: '' });
      expect(refusal.lines).to.have.length(1);
      expect(refusal.lines[0]).to.match(words);
    });
  }
});

/** The pid namespaces that some process lives in, as lsns(8) would list them. */
function pidNamespaces(): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      return /^\d+$/.test(pid) ? [readlinkSync(`/proc/${pid}/ns/pid`)] : [];
    } catch {
      return []; // It ended while we looked.
    }
  });
}
