import { mkdirSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { selfAs } from '../../crash/caller.ts';
import { startServer } from '../../support/server.ts';
import { fileTempDir, tempDir } from '../../support/tempdir.ts';
import { needRoot } from '../support/needs.ts';
import { openSession } from '../support/session.ts';
import { makeSmallTree } from '../support/small-tree.ts';

describe('a chroot testbed that keeps directories over a revert', function () {
  this.timeout(60_000);
  let tree: string;

  before(function () {
    needRoot(this);
    tree = makeSmallTree(`${fileTempDir()}/tree`);
    mkdirSync(`${tree}/home/joe`);
    writeFileSync(`${tree}/home/joe/own`, 'from the tree\n');
    writeFileSync(`${tree}/tmp/own`, 'from the tree\n');
  });

  for (const [option, path] of [
    ['--keep-home', '/home'],
    ['--keep-tmp', '/tmp'],
  ] as const) {
    it(`${option}: ${path} shows what the tree has, and keeps what a test does to it`, async () => {
      const caller = selfAs(tempDir());
      const bed = await openSession(caller, ['chroot', option, tree]);
      expect(await bed.sh(`cat $(find ${path} -name own)`)).to.equal('from the tree');
      await bed.sh(`echo new >${path}/new; echo changed >$(find ${path} -name own); touch /gone`);
      await bed.revert();
      expect(await bed.sh(`cat ${path}/new $(find ${path} -name own)`)).to.equal('new\nchanged');
      expect(await bed.sh('ls -d /gone 2>/dev/null || echo reverted')).to.equal('reverted');
      await bed.revert();
      await bed.sh(`rm ${path}/new; rm $(find ${path} -name own)`);
      await bed.revert();
      expect(await bed.sh(`find ${path} -name new -o -name own`)).to.equal('');
      await bed.quit();
    });

    it(`${option}: the next open finds ${path} as the tree has it`, async () => {
      const caller = selfAs(tempDir());
      const bed = await openSession(caller, ['chroot', option, tree]);
      await bed.sh(`echo new >${path}/new`);
      expect(await bed.server.command('close')).to.equal('ok');
      expect(await bed.server.command('open')).to.match(/^ok /);
      expect(await bed.sh(`find ${path} -name new`)).to.equal('');
      await bed.quit();
    });

    it(`${option}: only revert is advertised, before and after open`, async () => {
      const caller = selfAs(tempDir());
      const closed = startServer(caller.argv('chroot', option, tree), { env: caller.env });
      await closed.reply();
      const words = (await closed.command('capabilities')).split(' ');
      expect(words).to.include('revert').and.not.include('revert-full-system');
      const bed = await openSession(caller, ['chroot', option, tree]);
      const open = await bed.capabilities();
      expect(open).to.include('revert').and.not.include('revert-full-system');
      expect(open).to.include('root-on-testbed');
      await bed.quit();
    });
  }

  it('has an empty scratch space after a revert although /tmp is kept', async () => {
    const bed = await openSession(selfAs(tempDir()), ['chroot', '--keep-tmp', tree]);
    await bed.sh(`touch ${bed.scratch}/file`);
    await bed.revert();
    expect(await bed.sh(`ls -A ${bed.scratch}; stat -c %a ${bed.scratch}`)).to.equal('1777');
    await bed.quit();
  });

  it('has the mode and owner of what it keeps as the tree has them', async () => {
    const args = ['chroot', '--keep-tmp', '--keep-home', tree];
    const bed = await openSession(selfAs(tempDir()), args);
    expect(await bed.sh('stat -c "%a %u:%g" /home /tmp')).to.equal('755 0:0\n1777 0:0');
    await bed.sh('umask 0; mkdir /home/other; chown 1000:1000 /home/other');
    await bed.revert();
    expect(await bed.sh('stat -c "%a %u:%g" /home/other')).to.equal('777 1000:1000');
    await bed.quit();
  });

  it('keeps them in memory with --size, too', async () => {
    const args = ['chroot', '--size=50M', '--keep-home', tree];
    const bed = await openSession(selfAs(tempDir()), args);
    await bed.sh('echo kept >/home/kept');
    await bed.revert();
    expect(await bed.sh('cat /home/kept')).to.equal('kept');
    await bed.quit();
  });
});
