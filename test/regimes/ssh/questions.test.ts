import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

import { expect } from 'chai';

import { makeAccount, type TestAccount } from '../../support/account.ts';
import { serverArgv } from '../../support/server.ts';
import { startSshd, type TestSshd } from '../../support/sshd.ts';
import { tempDir } from '../../support/tempdir.ts';
import { openTerminal, type TestTerminal } from '../../support/terminal.ts';
import { until } from '../support/until.ts';

/** What a secret might be found in: words and variables of processes that are not ours to hold it. */
const PROCESSES = 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null';

describe('a machine behind ssh asks at the terminal', function () {
  this.timeout(180_000);
  let byPassword: TestSshd;
  let byDialogue: TestSshd;
  let account: TestAccount;
  let sudoer: TestAccount;
  let state: string;

  before(async function () {
    // Each command needs a connection of its own, for which nobody is asked again.
    const lines = ['MaxSessions 1'];
    byPassword = await startSshd(this, { lines });
    byDialogue = await startSshd(this, {
      lines: [
        ...lines,
        'UsePAM yes',
        'KbdInteractiveAuthentication yes',
        'PasswordAuthentication no',
      ],
    });
    account = makeAccount({ shell: '/bin/sh' });
    sudoer = makeAccount({ shell: '/bin/sh', sudo: 'password' });
    this.timeout(180_000);
  });

  beforeEach(() => {
    state = tempDir();
  });

  /** The argv of a server that has no key but the given one. */
  function argvOf(sshd: TestSshd, { name }: TestAccount, identity?: string): string[] {
    const { host, port, knownHosts } = sshd;
    const options = [`UserKnownHostsFile=${knownHosts}`, 'IdentityAgent=none'];
    if (identity === undefined) options.push('PubkeyAuthentication=no');
    return serverArgv(
      ...['--transcript', `${state}/transcript`, '--debug', 'ssh', '-F', 'none'],
      ...options.flatMap((option) => ['-o', option]),
      ...(identity === undefined ? [] : ['-i', identity]),
      ...['-p', String(port), `${name}@${host}`],
    );
  }

  /** Starts it at a terminal and has it open its testbed. */
  async function begin(sshd: TestSshd, user: TestAccount, identity?: string) {
    const terminal = openTerminal(argvOf(sshd, user, identity), { XDG_STATE_HOME: state });
    await terminal.shows(/closed>$/m);
    terminal.press('open', 'Enter');
    return terminal;
  }

  /** Says something where nobody sees it. */
  async function answer(terminal: TestTerminal, question: RegExp, words: string): Promise<void> {
    await terminal.shows(question);
    terminal.type(words);
    terminal.press('Enter');
  }

  /** Looks for secrets wherever they must not be, and ends the session. */
  async function expectSecret(terminal: TestTerminal, ...secrets: string[]): Promise<void> {
    expectUnseen(await terminal.shows(/open>$/m), secrets);
    terminal.press('quit', 'Enter');
    await terminal.shows(/ended with 0/);
  }

  function expectUnseen(screen: string, secrets: readonly string[]): void {
    const processes = spawnSync('sh', ['-c', PROCESSES], {
      encoding: 'latin1',
      maxBuffer: 1 << 28,
    });
    for (const secret of secrets) {
      expect(screen).to.not.include(secret);
      expect(processes.stdout).to.not.include(secret);
      expect(spawnSync('grep', ['-rlF', '-e', secret, state]).stdout.toString()).to.equal('');
    }
  }

  it('for the passphrase of a key, again where it was wrong', async () => {
    const key = `${tempDir()}/key`;
    const passphrase = 'as long as it is broad';
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-f', key]);
    appendFileSync(
      byPassword.identity.replace(/identity$/, 'authorized_keys'),
      readFileSync(`${key}.pub`),
    );
    const terminal = await begin(byPassword, account, key);
    await answer(terminal, /^Passphrase for the key \S+key:\s*$/m, 'not this one');
    await answer(terminal, /^Wrong\. Passphrase for the key \S+key:\s*$/m, passphrase);
    await answer(terminal, /^Password of \S+ for sudo \(empty: without root\):\s*$/m, '');
    await expectSecret(terminal, passphrase, 'not this one');
  });

  it('for a password, again where it was wrong, and takes it for sudo too', async () => {
    const terminal = await begin(byPassword, sudoer);
    await answer(terminal, /^Password of \S+:\s*$/m, 'not this one');
    await answer(terminal, /^Wrong\. Password of \S+:\s*$/m, sudoer.password);
    await terminal.shows(/ok \/\S+.*\s+\S+ open>$/m);
    terminal.press('capabilities', 'Enter');
    await terminal.shows(/ok.* root-on-testbed/);
    await expectSecret(terminal, sudoer.password, 'not this one');
  });

  it('what the server wants to know (keyboard-interactive), again where it was wrong', async () => {
    const terminal = await begin(byDialogue, account);
    await answer(terminal, /^\(\S+@\S+\) Password:\s*$/m, 'not this one');
    await answer(terminal, /Password:\s+(.*\s+)*\(\S+@\S+\) Password:\s*$/m, account.password);
    await answer(terminal, /for sudo \(empty: without root\):\s*$/m, '');
    await expectSecret(terminal, account.password, 'not this one');
  });

  it('for the password of sudo, again where it was wrong', async () => {
    const terminal = await begin(byPassword, sudoer, byPassword.identity);
    await answer(
      terminal,
      /^Password of \S+ for sudo \(empty: without root\):\s*$/m,
      'not this one',
    );
    await answer(terminal, /^Wrong\. Password of \S+ for sudo.*:\s*$/m, sudoer.password);
    await terminal.shows(/ok \/\S+.*\s+\S+ open>$/m);
    terminal.press('!id -u', 'Enter');
    await terminal.shows(/^0$/m);
    await expectSecret(terminal, sudoer.password, 'not this one');
  });

  it('and is given up at Ctrl-C', async () => {
    const terminal = await begin(byPassword, account);
    await terminal.shows(/^Password of \S+:\s*$/m);
    terminal.press('abc', 'C-c');
    const screen = await terminal.shows(/interrupted.*\s+\S+ closed>$/m);
    expect(screen).to.not.include('abc');
    terminal.press('quit', 'Enter');
    await terminal.shows(/ended with 0/);
  });

  it('and closes when the terminal hangs up', async () => {
    const script = 'trap : HUP; "$@" 2>"$0/words"; echo "ended with $?" >"$0/end"';
    const argv = ['sh', '-c', script, state, ...argvOf(byDialogue, account)];
    const terminal = openTerminal(argv, { XDG_STATE_HOME: state });
    await terminal.shows(/closed>$/m);
    terminal.press('open', 'Enter');
    await terminal.shows(/^\(\S+@\S+\) Password:\s*$/m);
    terminal.hangUp();
    await until(() => existsSync(`${state}/end`), 'it ends');
    expect(readFileSync(`${state}/words`, 'utf8')).to.not.match(/EIO|^ +at /m);
    expect(readFileSync(`${state}/end`, 'utf8')).to.equal('ended with 129\n');
  });

  it('where the protocol is spoken on pipes too, and dies of Ctrl-C', async () => {
    const script = 'mkfifo "$0"; exec 3<>"$0"; echo open >&3; exec "$@" <&3';
    const start = (name: string) => {
      const argv = ['sh', '-c', script, `${state}/${name}`, ...argvOf(byPassword, sudoer)];
      return openTerminal(argv, { XDG_STATE_HOME: state });
    };
    const first = start('first');
    await first.shows(/^Password of \S+:\s*$/m);
    first.press('abc', 'C-c');
    expect(await first.shows(/ended with 130$/m)).to.not.include('abc');
    // The terminal is as it was.
    first.press('seen', 'Enter');
    await first.shows(/^seen$/m);
    const second = start('second');
    await answer(second, /^Password of \S+:\s*$/m, sudoer.password);
    expectUnseen(await second.shows(/^ok \/tmp\//m), [sudoer.password]);
    expect(readFileSync(`${state}/transcript`, 'utf8')).to.match(/ok .tmp/);
    appendFileSync(`${state}/second`, 'quit\n');
    await second.shows(/ended with 0$/m);
  });
});
