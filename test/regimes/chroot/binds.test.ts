import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import { expect } from 'chai';

import { selfAs } from '../../crash/caller.ts';
import { tempDir } from '../../support/tempdir.ts';
import { needRoot } from '../support/needs.ts';
import { openSession, refusedOpen, refusedStart } from '../support/session.ts';

describe('chroot --bind', function () {
  this.timeout(60_000);
  let tree: string;
  let work: string;

  before(function () {
    tree = needRoot(this);
  });

  beforeEach(() => {
    work = tempDir();
    chmodSync(work, 0o755);
    mkdirSync(`${work}/dir`);
    writeFileSync(`${work}/dir/file`, 'of the host\n');
    writeFileSync(`${work}/file`, 'of the host\n');
  });

  const bedWith = (...binds: string[]) => {
    const options = binds.map((bind) => `--bind=${bind}`);
    return openSession(selfAs(work), ['chroot', ...options, tree]);
  };

  it('shows a directory, and what is written there goes to the host and is not reverted', async () => {
    const bed = await bedWith(`${work}/dir:/srv/new/place`);
    expect(await bed.sh('cat /srv/new/place/file')).to.equal('of the host');
    await bed.sh('echo changed >/srv/new/place/file; echo new >/srv/new/place/new');
    await bed.revert();
    expect(await bed.sh('cat /srv/new/place/file /srv/new/place/new')).to.equal('changed\nnew');
    await bed.quit();
    expect(readFileSync(`${work}/dir/new`, 'utf8')).to.equal('new\n');
    expect(existsSync(`${tree}/srv/new`), 'the mount point is none of the lower tree').to.equal(
      false,
    );
  });

  it('shows a single file', async () => {
    const bed = await bedWith(`${work}/file:/etc/motd`, `${work}/file:/srv/file:rw`);
    expect(await bed.sh('cat /etc/motd /srv/file')).to.equal('of the host\nof the host');
    await bed.sh('echo changed >/srv/file');
    await bed.quit();
    expect(readFileSync(`${work}/file`, 'utf8')).to.equal('changed\n');
  });

  it('lets nobody write where :ro is said', async () => {
    const bed = await bedWith(`${work}/dir:/srv:ro`, `${work}/file:/etc/motd:ro`);
    expect(await bed.sh('cat /srv/file')).to.equal('of the host');
    for (const path of ['/srv/file', '/srv/new', '/etc/motd']) {
      const { status, stderr } = await bed.run('sh', '-c', `echo x >${path}`);
      expect(status, path).to.not.equal(0);
      expect(stderr, path).to.include('Read-only');
    }
    const remount = await bed.run('mount', '-o', 'remount,rw,bind', '/srv');
    expect(remount.status, 'and root there can not change that').to.not.equal(0);
    await bed.quit();
  });

  it('lets no device of a directory be opened', async () => {
    const bed = await bedWith(`${work}/dir:/srv`);
    const { status } = await bed.run('sh', '-c', 'mknod /srv/null c 1 3 && : </srv/null');
    expect(status).to.not.equal(0);
    await bed.quit();
  });

  it('takes names with spaces, newlines, percent signs, commas and bytes that are no text', async () => {
    const odd = 'a b,c%41\\040\n"=';
    mkdirSync(`${work}/${odd}`);
    writeFileSync(`${work}/${odd}/f`, 'odd\n');
    const raw = Buffer.concat([Buffer.from(`${work}/`), Buffer.from([0xff, 0xfe])]);
    writeFileSync(raw, 'bytes\n');
    // Node passes no such bytes as an argument: a file of arguments does.
    const list = `${work}/arguments`;
    const line = Buffer.concat([
      Buffer.from('--bind='),
      raw,
      Buffer.from(':/srv/'),
      raw.subarray(-2),
    ]);
    writeFileSync(list, line);
    const args = ['chroot', `--bind=${work}/${odd}:/srv/${odd}`, `@${list}`, tree];
    const bed = await openSession(selfAs(work), args);
    expect(await bed.run('cat', `/srv/${odd}/f`)).to.include({ status: 0, stdout: 'odd\n' });
    expect(await bed.sh('cat "/srv/$(printf "\\377\\376")"')).to.equal('bytes');
    await bed.revert();
    expect(await bed.run('cat', `/srv/${odd}/f`)).to.include({ status: 0, stdout: 'odd\n' });
    await bed.quit();
  });

  it('takes a name relative to the working directory, and a link for what it leads to', async () => {
    symlinkSync('dir', `${work}/link`);
    const caller = selfAs(work);
    const args = ['chroot', '--bind=dir:/srv/a', `--bind=${work}/link:/srv/b`, tree];
    const bed = await openSession(caller, args, { cwd: work });
    expect(await bed.sh('cat /srv/a/file /srv/b/file')).to.equal('of the host\nof the host');
    await bed.quit();
  });

  for (const [bind, words] of [
    ['/no/such:/srv', 'there is no /no/such'],
    ['/tmp', 'HOST:TESTBED'],
    ['/tmp:relative', 'absolute'],
    ['/tmp:/a:b:ro', 'HOST:TESTBED'],
    ['/tmp:/a:rx', 'HOST:TESTBED'],
    [':/a', 'HOST:TESTBED'],
  ] as const) {
    it(`is refused before ok as ${bind}`, async () => {
      const refusal = await refusedStart(selfAs(work), ['chroot', `--bind=${bind}`, tree]);
      expect(refusal).to.include({ status: 2, replies: '' });
      expect(refusal.lines).to.have.length(1);
      expect(refusal.lines[0]).to.include('--bind').and.to.include(words);
    });
  }

  it('fails open in one line where a file is to lie on a directory', async () => {
    const refusal = await refusedOpen(selfAs(work), ['chroot', `--bind=${work}/file:/etc`, tree]);
    expect(refusal).to.include({ status: 12, replies: '' });
    expect(refusal.lines).to.have.length(1);
    expect(refusal.lines[0]).to.match(
      /^regime: failure: open: cannot bind \S+ to \/etc: Not a directory/,
    );
  });
});
