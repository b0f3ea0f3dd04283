import { existsSync, readdirSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { plainAs, reapAs, runAs, selfAs, sessionsOf, type Caller } from '../crash/caller.ts';
import { needRoot } from '../regimes/support/needs.ts';
import { openSession } from '../regimes/support/session.ts';
import { makeSmallTree } from '../regimes/support/small-tree.ts';
import { debianTarball, debianTree, hasFixtures } from '../support/fixtures.ts';
import { skip } from '../support/skip.ts';
import { fileTempDir, tempDir } from '../support/tempdir.ts';
import { hasPlainUser } from '../support/user.ts';

/** The variables are one, and what they name is a directory. */
const LOOK =
  'printf %s "$REGIME_SESSION_SHARE"; ' +
  '[ "$REGIME_SESSION_SHARE" = "$PLAINBOX_SESSION_SHARE" ] && [ "$CHECKBOX_DATA" = "$PLAINBOX_SESSION_SHARE" ]';

describe('the session share', function () {
  this.timeout(120_000);
  let tree: string;
  let caller: Caller;

  before(function () {
    needRoot(this);
    if (!hasFixtures()) skip(this, 'there is no Debian root file system');
    tree = makeSmallTree(`${fileTempDir()}/tree`);
  });
  beforeEach(() => {
    caller = selfAs(tempDir());
  });

  const open = (...args: string[]) => openSession(caller, ['--share', ...args]);
  const hostName = (id: string) =>
    runAs(caller, ['sessions', 'show', '--share', id]).stdout.trimEnd();
  const idOf = (path: string) => /^\/var\/tmp\/regime-(.*)\.share$/.exec(path)?.[1] ?? '';

  const regimes: { title: string; args: () => string[]; as?: () => Caller; seen: boolean }[] = [
    { title: 'the host itself', args: () => ['null'], seen: true },
    { title: 'an overlay', args: () => ['chroot', debianTree()], seen: true },
    { title: "the machine's own root", args: () => ['chroot', '/'], seen: true },
    { title: 'a tree that is worked in', args: () => ['chroot', '--in-place', tree], seen: false },
    {
      title: "a plain user's tarball",
      args: () => ['chroot', debianTarball()],
      as: plainAs,
      seen: true,
    },
    {
      title: 'what is inside an overlay',
      args: () => ['chroot', debianTree(), '+', 'null'],
      seen: false,
    },
  ];
  for (const { title, args, as, seen } of regimes) {
    it(`is one for all commands of a session, and goes with it: ${title}`, async function () {
      if (as && !hasPlainUser()) skip(this, 'there is no plain user');
      if (as) caller = as();
      const bed = await open(...args());
      const path = await bed.sh(LOOK);
      expect(path).to.match(/^\/var\/tmp\/regime-[a-z0-9]{10}\.share$/);
      await bed.sh(
        'cd "$CHECKBOX_DATA" && mkdir d && echo kept >d/file && chmod 640 d/file && ln d/file d/hard && ln -s file d/link',
      );
      const words = `sh,-c,${encodeURIComponent('cp -a "$PLAINBOX_SESSION_SHARE/d" "$PLAINBOX_SESSION_SHARE/e"')}`;
      const reply = await bed.server.command(`execute ${words} /dev/null /dev/null /dev/null /`);
      expect(reply).to.equal('ok 0');
      if ((await bed.capabilities()).includes('revert')) {
        await bed.sh('touch /var/tmp/spoilt');
        await bed.revert();
        // Of the machine's own root that is all that other programs have put there too.
        const found = (await bed.sh('ls /var/tmp')).split('\n');
        expect(found).to.include(path.slice('/var/tmp/'.length)).and.not.include('spoilt');
        await bed.revert();
      }
      expect(await bed.sh(LOOK)).to.equal(path);
      const look =
        'cd "$CHECKBOX_DATA" && ls -A . d e && cat d/link && stat -c "%a %h" d/file e/hard';
      expect(await bed.sh(look)).to.equal(
        '.:\nd\ne\n\nd:\nfile\nhard\nlink\n\ne:\nfile\nhard\nlink\nkept\n640 2\n640 2',
      );
      const name = hostName(idOf(path));
      if (seen) {
        expect(readdirSync(`${name}/d`).sort()).to.deep.equal(['file', 'hard', 'link']);
        writeFileSync(`${name}/from-the-host`, 'hello');
        expect(await bed.sh('cat "$CHECKBOX_DATA/from-the-host"')).to.equal('hello');
      } else expect(name).to.equal('');
      await bed.quit();
      if (name) expect(existsSync(name)).to.equal(false);
      for (const root of ['', tree]) expect(existsSync(root + path)).to.equal(false);
      expect(sessionsOf(caller)).to.deep.equal([]);
    });
  }

  it('is not there unless it is asked for, and each session has its own', async () => {
    const without = await openSession(caller, ['chroot', tree]);
    expect(await without.sh('echo "$REGIME_SESSION_SHARE"; ls -A /var/tmp')).to.equal('');
    const [one, two] = [await open('chroot', tree), await open('chroot', tree)];
    await one.sh('echo one >"$REGIME_SESSION_SHARE/file"');
    const seen = 'ls -A /var/tmp "$REGIME_SESSION_SHARE"';
    expect(await two.sh(seen))
      .to.not.include('file')
      .and.to.not.include(await one.sh(LOOK));
    for (const { server } of [without, one, two])
      expect(await server.command('quit')).to.equal('ok');
  });

  it('can be written by everybody where the testbed is its own', async () => {
    const bed = await open('chroot', debianTree());
    expect(await bed.sh('stat -c %a "$CHECKBOX_DATA"')).to.equal('1777');
    await bed.revert();
    expect(await bed.sh('stat -c %a "$CHECKBOX_DATA"')).to.equal('1777');
    await bed.quit();
  });

  it('is there for the set-up commands', async () => {
    const bed = await open('--setup', 'echo made >>"$CHECKBOX_DATA/made"', 'chroot', tree);
    await bed.revert();
    expect(await bed.sh('wc -l <"$CHECKBOX_DATA/made"')).to.equal('2');
    await bed.quit();
  });

  it('goes with what a dead server left', async () => {
    const bed = await open('null');
    const path = await bed.sh(LOOK);
    bed.server.child.kill('SIGKILL');
    await bed.server.ended;
    expect(existsSync(path)).to.equal(true);
    expect(reapAs(caller)).to.match(/^reaped /);
    expect(existsSync(path)).to.equal(false);
  });

  it('is never read through a link that a test put in its place', async () => {
    const bed = await open('chroot', debianTree(), '+', 'null');
    await bed.sh(
      'rm -rf "$CHECKBOX_DATA"; mkdir /srv/secret; touch /srv/secret/file; ln -s /srv/secret "$CHECKBOX_DATA"',
    );
    await bed.revert();
    expect(
      await bed.sh('ls -A "$CHECKBOX_DATA/"; [ -d "$CHECKBOX_DATA" ] && [ ! -L "$CHECKBOX_DATA" ]'),
    ).to.equal('');
    expect(bed.server.stderr()).to.match(
      /what is new in the session share is lost: .*not the directory that it was/,
    );
    await bed.quit();
  });

  it('removes a link that a test put in its place, and nothing behind it', async () => {
    const bed = await open('null');
    const outside = `${tempDir()}/outside`;
    await bed.sh(
      `mkdir ${outside} && touch ${outside}/file && rm -rf "$CHECKBOX_DATA" && ln -s ${outside} "$CHECKBOX_DATA"`,
    );
    await bed.quit();
    expect(readdirSync(outside)).to.deep.equal(['file']);
  });
});
