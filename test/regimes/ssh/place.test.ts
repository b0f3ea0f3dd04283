import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, symlinkSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { prefixOf, selfAs, startThrough } from '../../crash/caller.ts';
import { makeAccount } from '../../support/account.ts';
import { skip } from '../../support/skip.ts';
import { startSshd, type TestSshd } from '../../support/sshd.ts';
import { fileTempDir, tempDir } from '../../support/tempdir.ts';
import { openSession } from '../support/session.ts';
import { until } from '../support/until.ts';
import { passwordFile, processesOf, sshWords } from './support.ts';

/** Bytes that one shell or another takes for its own. */
const NASTY = [
  ...[
    '',
    ' ',
    "it's",
    'a\nb\n\n',
    '-n',
    'a=b',
    '\x01\x07\x1b[31m\x7f',
    '\xff\xfe\xc3\x28',
    '\xc3\xa9',
  ],
  '$HOME `id` "$(id)" \\ \\n \\\\ ! !! !$ ^x^y # ; & | < > * ? [a] {a,b} ~ %s =',
];

describe('a machine behind ssh', function () {
  this.timeout(120_000);
  let sshd: TestSshd;

  before(async function () {
    sshd = await startSshd(this);
  });

  for (const shell of ['bash', 'dash', 'zsh', 'fish', 'tcsh', 'csh', 'busybox']) {
    it(`gets arguments byte for byte through ${shell}, however talkative`, async function () {
      const path = pathOf(shell);
      if (!path) return skip(this, `there is no ${shell} to test with`);
      const account = makeAccount({ shell: path });
      for (const name of ['.bashrc', '.zshenv', '.cshrc']) {
        writeFileSync(`${account.home}/${name}`, 'echo welcome; sh -c "echo careful >&2"\n');
        chownSync(`${account.home}/${name}`, account.uid, account.gid);
      }
      const bed = await openSession(selfAs(tempDir()), sshWords(sshd, account.name));
      expect(await bed.sh('id -un; pwd; umask')).to.equal(`${account.name}\n/\n0022`);
      const prefix = prefixOf(await bed.server.command('print-execute-command'));
      const words = [...prefix, 'printf', '%s\\0', ...NASTY];
      // Node's own arguments are UTF-8.
      const hexadecimal = words.map((word) => Buffer.from(word, 'latin1').toString('hex'));
      const { stdout, stderr } = spawnSync(
        'perl',
        ['-e', 'exec map { pack "H*", $_ } @ARGV', ...hexadecimal],
        { encoding: 'latin1' },
      );
      expect(stderr).to.equal('');
      expect(stdout.split('\0').slice(0, -1)).to.deep.equal(NASTY);
      await bed.quit();
    });
  }

  it('says what the login shell of an account says that may not be used', async () => {
    const { name } = makeAccount({ shell: '/usr/sbin/nologin' });
    const caller = selfAs(tempDir());
    const { refusedOpen } = await import('../support/session.ts');
    const refusal = await refusedOpen(caller, sshWords(sshd, name));
    expect(refusal.lines).to.have.length(1);
    expect(refusal.lines[0]).to.match(/login shell on .* does not run commands.*not available/);
  });

  for (const sudo of ['free', 'password'] as const) {
    it(`is root's by sudo where that is ${sudo}, and nobody sees the password`, async () => {
      const account = makeAccount({ sudo });
      const words = sudo === 'free' ? [] : ['-P', passwordFile(fileTempDir(), account)];
      const bed = await openSession(selfAs(tempDir()), sshWords(sshd, account.name, ...words));
      expect(await bed.capabilities()).to.include.members([
        'root-on-testbed',
        `suggested-normal-user=${account.name}`,
      ]);
      // What the command reads is its own, and nothing that runs holds the password in its words.
      const seen = await bed.sh(
        'id -u; cat; env; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; :',
      );
      expect(seen).to.match(/^0\n[A-Z]+=/);
      expect(seen).to.not.include(account.password);
      expect(bed.server.stderr()).to.equal('');
      await bed.quit();
    });
  }

  it('keeps the password out of its records, and of what it says with --debug', async () => {
    const account = makeAccount({ sudo: 'password' });
    const caller = selfAs(tempDir());
    const words = ['--debug', '-P', passwordFile(fileTempDir(), account)];
    const bed = await openSession(caller, sshWords(sshd, account.name, ...words));
    await bed.sh('true');
    const { stdout: files } = spawnSync('grep', ['-rlF', account.password, caller.state]);
    expect(files.toString()).to.equal('');
    await bed.quit();
    expect(bed.server.stderr()).to.match(/debug/).and.not.include(account.password);
  });

  it("is the login user's where sudo is refused, and a line says so", async () => {
    const account = makeAccount();
    const bed = await openSession(selfAs(tempDir()), sshWords(sshd, account.name));
    expect(await bed.capabilities()).to.not.include('root-on-testbed');
    expect(bed.server.stderr()).to.match(/^regime: root-on-testbed is not advertised: .*\n$/);
    await bed.quit();
  });

  it('ends the command, and what it started, with its auxverb', async () => {
    const account = makeAccount({ shell: '/bin/sh' });
    const bed = await openSession(selfAs(tempDir()), sshWords(sshd, account.name));
    const prefix = prefixOf(await bed.server.command('print-execute-command'));
    const running = () => processesOf(account, '^sleep 98');
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const script = 'trap "" TERM; sleep 987 & sleep 986';
      const auxverb = startThrough(prefix, ['sh', '-c', script]);
      auxverb.stdin?.end();
      await until(() => running() === 2, 'both run');
      auxverb.kill(signal);
      await until(() => running() === 0, 'both have gone');
    }
    await bed.quit();
  });

  it('does not wait for what a command leaves behind', async () => {
    const account = makeAccount({ shell: '/bin/sh' });
    const bed = await openSession(selfAs(tempDir()), sshWords(sshd, account.name));
    expect(await bed.sh('sleep 985 & echo done')).to.equal('done');
    // What has started it may still be there, and it may not have become a sleep yet.
    await until(() => processesOf(account, '^sleep 985') === 1, 'it runs on');
    await bed.quit();
  });

  it('ends what still runs when it is closed, and leaves nothing there', async () => {
    const account = makeAccount({ shell: '/bin/sh' });
    const bed = await openSession(selfAs(tempDir()), sshWords(sshd, account.name));
    const prefix = prefixOf(await bed.server.command('print-execute-command'));
    const auxverb = startThrough(prefix, ['sleep', '984']);
    const ended = new Promise((resolve) => auxverb.once('close', resolve));
    await until(() => processesOf(account, 'sleep 984') === 1, 'it runs');
    await bed.quit();
    expect(await ended).to.equal(255);
    await until(() => processesOf(account, '') === 0, 'nothing runs');
    expect(
      spawnSync('find', [
        '/tmp',
        '-user',
        account.name,
        '!',
        '-path',
        account.home,
      ]).stdout.toString(),
    ).to.equal('');
    const late = startThrough(prefix, ['true']);
    expect(await new Promise((resolve) => late.once('close', resolve))).to.equal(255);
  });
});

/** Where a shell is; busybox is one by its name. */
function pathOf(shell: string): string | undefined {
  const found = ['/bin', '/usr/bin']
    .map((folder) => `${folder}/${shell}`)
    .find((path) => existsSync(path));
  if (shell !== 'busybox' || !found) return found;
  const link = `${makeAccount().home}/ash`;
  symlinkSync(found, link);
  return link;
}
