import { expect } from 'chai';

import { selfAs, serverOf } from '../crash/caller.ts';
import { fileTempDir, tempDir } from '../support/tempdir.ts';
import { needRoot } from './support/needs.ts';
import { openSession, refusedOpen, refusedStart } from './support/session.ts';
import { makeSmallTree } from './support/small-tree.ts';

describe('options that all regimes share', function () {
  this.timeout(60_000);
  let tree: string;

  before(function () {
    needRoot(this);
    tree = makeSmallTree(`${fileTempDir()}/tree`);
  });

  describe('--setup', () => {
    it('runs after open and after each revert, in the order given', async () => {
      const options = ['--setup=echo one >>/srv/log', '--setup', 'echo "two $HOME" >>/srv/log'];
      const bed = await openSession(selfAs(tempDir()), ['chroot', ...options, tree]);
      expect(await bed.sh('cat /srv/log')).to.equal('one\ntwo /root');
      await bed.sh('rm /srv/log');
      await bed.revert();
      expect(await bed.sh('cat /srv/log')).to.equal('one\ntwo /root');
      await bed.quit();
    });

    it('is looked at again afterwards: accounts and the environment', async () => {
      const script =
        'echo joe:x:1234:1234::/home/joe:/bin/sh >>/etc/passwd; echo FOO=bar >/etc/environment';
      const bed = await openSession(selfAs(tempDir()), ['chroot', `--setup=${script}`, tree]);
      // The account that was made before is there too; only one is needed.
      expect(await bed.sh('echo $FOO; grep -c joe /etc/passwd')).to.equal('bar\n1');
      await bed.revert();
      expect(await bed.sh('echo $FOO; grep -c joe /etc/passwd')).to.equal('bar\n1');
      await bed.quit();
    });

    it('ends open with its last words where it fails, and nothing is left', async () => {
      const script = 'echo first >&2; echo "no such package" >&2; exit 3';
      const args = ['chroot', `--setup=${script}`, tree];
      const refusal = await refusedOpen(selfAs(tempDir()), args);
      expect(refusal).to.include({ status: 12, replies: '' });
      const last = refusal.lines.at(-1);
      expect(last).to.match(
        /^regime: failure: open: the set-up command failed: .*exit status 3: no such package/,
      );
      expect(refusal.lines).to.have.length(1);
    });

    it('ends a revert where it fails there', async () => {
      const script = 'test ! -e /once/mark';
      const bind = `--bind=${tempDir()}:/once`;
      const bed = await openSession(selfAs(tempDir()), ['chroot', bind, `--setup=${script}`, tree]);
      await bed.sh('touch /once/mark');
      bed.server.send('revert\n');
      expect((await bed.server.ended).status).to.equal(12);
      expect(bed.server.stderr()).to.match(
        /failure: revert: the set-up command failed.*exit status 1/,
      );
    });

    it('works with null, which can only run it at open', async () => {
      const work = tempDir();
      const bed = await openSession(selfAs(work), ['null', `--setup=echo x >>${work}/log`]);
      expect(await bed.sh(`cat ${work}/log`)).to.equal('x');
      await bed.quit();
    });
  });

  describe('--scratch-mode', () => {
    for (const [args, mode] of [
      [['--scratch-mode=700', 'chroot', 'TREE'], '700'],
      [['chroot', '--scratch-mode=2775', 'TREE'], '2775'],
      [['chroot', 'TREE'], '1777'],
      [['null'], '755'],
      [['null', '--scratch-mode=1777'], '1777'],
    ] as const) {
      it(`${args.join(' ')}: the scratch space has mode ${mode}, whatever the umask`, async () => {
        const caller = selfAs(tempDir());
        const words = args.map((word) => (word === 'TREE' ? tree : word));
        const masked = {
          ...caller,
          argv: (...given: string[]) => [
            'sh',
            '-c',
            'umask 077; exec "$@"',
            'sh',
            ...caller.argv(...given),
          ],
        };
        const bed = await openSession(masked, words);
        expect(await bed.sh(`stat -c %a ${bed.scratch}`)).to.equal(mode);
        await bed.quit();
      });
    }

    it('is refused where it is no mode', async () => {
      for (const mode of ['888', 'rwx', '', '77777']) {
        const refusal = await refusedStart(selfAs(tempDir()), ['null', `--scratch-mode=${mode}`]);
        expect(refusal, mode).to.include({ status: 2, replies: '' });
      }
    });
  });

  describe('--capability', () => {
    const wordsOf = async (...args: string[]) => {
      const bed = await openSession(selfAs(tempDir()), args);
      const words = await bed.capabilities();
      await bed.quit();
      return words;
    };

    it('vouches for a word, before open and after it', async () => {
      const server = serverOf(selfAs(tempDir()), ['null', '--capability=isolation-machine']);
      await server.reply();
      expect(await server.command('capabilities')).to.include(' isolation-machine');
      expect(await wordsOf('null', '--capability=isolation-machine')).to.include(
        'isolation-machine',
      );
    });

    it('takes away downtmp-host where the isolation is vouched for', async () => {
      expect((await wordsOf('null')).join(' ')).to.include('downtmp-host=');
      const words = await wordsOf('null', '--capability=isolation-container');
      expect(words.join(' ')).to.not.include('downtmp-host');
    });

    it('is not believed where a command would be promised that there is not', async () => {
      const given = ['revert', 'revert-full-system', 'reboot'].map(
        (word) => `--capability=${word}`,
      );
      const words = await wordsOf('null', ...given);
      expect(words.filter((word) => /^re/.test(word))).to.deep.equal([]);
      expect(
        await wordsOf('chroot', '--keep-home', '--capability=revert-full-system', tree),
      ).to.include('revert-full-system');
    });

    it('says no word twice', async () => {
      const words = await wordsOf('chroot', '--capability=revert', '--capability=revert', tree);
      expect(words.filter((word) => word === 'revert')).to.have.length(1);
    });

    it('is refused where it is no word', async () => {
      for (const word of ['two words', 'Capital', '', 'x=']) {
        const refusal = await refusedStart(selfAs(tempDir()), ['null', `--capability=${word}`]);
        expect(refusal, word).to.include({ status: 2, replies: '' });
      }
    });
  });

  describe('--timeout-open', () => {
    it('ends an open that takes longer, with one line, and leaves nothing', async () => {
      const args = ['chroot', '--timeout-open=0.5', '--setup=sleep 30', tree];
      const refusal = await refusedOpen(selfAs(tempDir()), args);
      expect(refusal).to.include({ status: 12, replies: '' });
      expect(refusal.lines).to.have.length(1);
      expect(refusal.lines[0]).to.equal(
        'regime: failure: open: time is up: it has taken 0.5 s (see --timeout-open)',
      );
    });
  });
});
