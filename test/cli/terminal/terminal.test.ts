import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import { openTerminal, type TestTerminal } from '../../support/terminal.ts';
import { serverArgv } from '../../support/server.ts';
import { tempDir } from '../../support/tempdir.ts';

const ESCAPE = String.fromCharCode(27);

describe('regime at a terminal', function () {
  this.timeout(120_000);
  let state: string;

  beforeEach(() => {
    state = tempDir();
  });
  const start = (env: Record<string, string> = {}, ...args: string[]): TestTerminal =>
    openTerminal(serverArgv('null', ...args), { XDG_STATE_HOME: state, ...env });
  const startOpen = async (env?: Record<string, string>) => {
    const terminal = start(env);
    await terminal.shows(/null closed>$/m);
    terminal.press('open', 'Enter');
    await terminal.shows(/ok \/\S+ \(\d+ ms\)\s+null open>$/m);
    return terminal;
  };

  it('takes commands with quoted words, shows how long they took, and lives on after errors', async () => {
    const terminal = await startOpen();
    terminal.press('copydown "/no such/file" /tmp/x', 'Enter');
    await terminal.shows(/copy-failed: .*\/no such\/file/);
    terminal.press('nonesuch', 'Enter');
    await terminal.shows(/unknown command nonesuch; !nonesuch runs it in the testbed/);
    terminal.press('copydwon', 'Enter');
    await terminal.shows(/unknown command copydwon; did you mean copydown\?/);
    terminal.press("!sh -c 'exit 7'", 'Enter');
    await terminal.shows(/exit status 7 \(\d+ ms\)/);
    terminal.press("!echo 'no end", 'Enter');
    await terminal.shows(/single quote is not closed/);
    terminal.type('!true | false; echo');
    terminal.press('Enter');
    await terminal.shows(/^No shell has read that. One does: !sh -c 'true \| false; echo'$/m);
    terminal.press('exit', 'Enter');
    await terminal.shows(/did you mean quit\?/);
    terminal.press('help copyupp', 'Enter');
    await terminal.shows(/no help for copyupp; did you mean copyup\?/);
    terminal.press('help copyup', 'Enter');
    await terminal.shows(/copyup TESTBED HOST +Copies a file from/);
    terminal.press('quit', 'Enter');
    await terminal.shows(/ended with 0/);
  });

  it('completes commands, and paths on both sides', async () => {
    const terminal = await startOpen();
    terminal.press('copyd', 'Tab');
    await terminal.shows(/open> copydown$/m);
    terminal.press('/etc/debian_v', 'Tab');
    await terminal.shows(/copydown \/etc\/debian_version$/m);
    terminal.press('/usr/sh', 'Tab');
    await terminal.shows(/debian_version \/usr\/share\/$/m);
    // Takes the line back without ending anything.
    terminal.press('C-c');
    terminal.press('!ls /usr/sb', 'Tab');
    await terminal.shows(/open> !ls \/usr\/sbin\/$/m);
  });

  it('interrupts what runs at Ctrl-C, and goes on', async () => {
    const terminal = await startOpen();
    terminal.press("!sh -c 'echo it runs; exec sleep 1000'", 'Enter');
    await terminal.shows(/^it runs$/m);
    terminal.press('C-c');
    await terminal.shows(/interrupted|exit status 130/);
    terminal.press('!echo still', 'here', 'Enter');
    await terminal.shows(/^stillhere$/m);
  });

  it('opens a shell and comes back, with the size of the window', async () => {
    const terminal = await startOpen();
    terminal.press('shell', 'Enter');
    await terminal.shows(/[#$]$/m);
    terminal.press('exit', 'Enter');
    await terminal.shows(/ok \(.*\)\nnull open>$/m);
    terminal.press('clear', 'Enter');
    terminal.press('shell nowhere', 'Enter');
    await terminal.shows(/^regime: there is no directory nowhere, this is \/\n.*[#$]$/m);
    terminal.resize(90, 25);
    // The shell hears of it after the terminal has.
    terminal.type("until stty size | grep '25 9[0]'; do sleep 0.1; done; exit");
    terminal.press('Enter');
    await terminal.shows(/^25 90$/m);
    await terminal.shows(/null open>$/m);
    terminal.press('capabilities', 'Enter');
    await terminal.shows(/ok root-on-testbed|ok downtmp-host/);
  });

  it('runs a command where the shell of the user is none, and leaves it the name', async () => {
    const terminal = await startOpen({ SHELL: '/bin/false' });
    terminal.press('!printenv SHELL', 'Enter');
    await terminal.shows(/^\/bin\/false\nok \(/m);
  });

  it('gives a command a terminal of its own, and answers on a line of its own', async () => {
    const argv = ['sh', '-c', 'tty >"$0" && exec "$@"', `${state}/tty`, ...serverArgv('null')];
    const terminal = openTerminal(argv, { XDG_STATE_HOME: state });
    await terminal.shows(/closed>$/m);
    terminal.press('open', 'Enter');
    await terminal.shows(/open>$/m);
    terminal.press('!tty', 'Enter');
    const own = /^(\/dev\/\S+)\nok/m.exec(await terminal.shows(/^\/dev\/\S+\nok/m))?.[1];
    expect(own).not.to.equal(readFileSync(`${state}/tty`, 'utf8').trim());
    terminal.press('!printf unended', 'Enter');
    await terminal.shows(/^unended\nok \(/m);
    terminal.press('!mkfi', 'Tab');
    await terminal.shows(/^null open> !mkfifo$/m);
  });

  it('lets no key stop a command, which no shell could make go on', async () => {
    const argv = serverArgv('run', 'chroot /', 'sh', '-c', 'echo it runs; read x; echo on');
    const terminal = openTerminal(argv, { XDG_STATE_HOME: state });
    await terminal.shows(/^it runs$/m);
    terminal.press('C-z');
    terminal.press('Enter');
    await terminal.shows(/on\nended with 0/);
  });

  it('asks at Ctrl-D before it closes what is open', async () => {
    const terminal = await startOpen();
    terminal.press('C-d');
    await terminal.shows(/Take it away and leave\? \[y\/N\]$/m);
    terminal.press('n', 'Enter');
    await terminal.shows(/\] n\s+null open>$/m);
    terminal.press('C-d');
    await terminal.shows(/leave\? \[y\/N\]$/m);
    terminal.press('y', 'Enter');
    await terminal.shows(/ended with 0/);
  });

  it('goes on after Ctrl-C and Ctrl-D where the terminal itself edits the line', async () => {
    const terminal = await startOpen({ TERM: 'dumb' });
    terminal.press('capab', 'C-c');
    await terminal.shows(/\^C\s+null open>$/m);
    terminal.press('C-d');
    await terminal.shows(/leave\? \[y\/N\]$/m);
    terminal.press('n', 'Enter');
    await terminal.shows(/\] n\s+null open>$/m);
    terminal.press('!echo still', 'here', 'Enter');
    await terminal.shows(/^stillhere$/m);
    terminal.press('C-d');
    await terminal.shows(/here[^]*leave\? \[y\/N\]$/m);
  });

  it('keeps the history for the next session, for its owner only', async () => {
    const first = await startOpen();
    first.press('!echo from before', 'Enter');
    await first.shows(/^from before$/m);
    first.press('quit', 'Enter');
    await first.shows(/ended with 0/);
    expect(readFileSync(`${state}/regime/history`, 'utf8')).to.equal(
      'open\n!echo from before\nquit\n',
    );
    const next = start();
    await next.shows(/closed>$/m);
    next.press('Up', 'Up');
    await next.shows(/closed> !echo from before$/m);
  });

  it('has colours, but not where the user wants none', async () => {
    const terminal = await startOpen({ TERM: 'screen' });
    expect(terminal.colours()).to.include(`${ESCAPE}[32mopen`);
    const plain = await startOpen({ NO_COLOR: '1' });
    expect(plain.colours()).to.not.include(`${ESCAPE}[32m`);
  });

  for (const [when, command] of [
    ['at the prompt', ''],
    ['while a command runs', "!sh -c 'echo begun; exec sleep 1000'"],
  ] as const) {
    it(`closes the testbed when the terminal hangs up ${when}`, async () => {
      const terminal = await startOpen();
      const scratch = /ok (\/\S+)/.exec(await terminal.shows(/open>$/m))?.[1] ?? '';
      expect(existsSync(scratch)).to.equal(true);
      if (command !== '') {
        terminal.press(command, 'Enter');
        await terminal.shows(/^begun$/m);
      }
      terminal.hangUp();
      const limit = Date.now() + 30_000;
      while (existsSync(scratch) && Date.now() < limit) await sleep(50);
      expect(existsSync(scratch)).to.equal(false);
    });
  }

  it('speaks the plain protocol with --raw, and wherever one side is a pipe', async () => {
    const terminal = start({}, '--raw');
    await terminal.shows(/^ok$/m);
    terminal.press('capabilities', 'Enter');
    await terminal.shows(/^ok /m);
    const [program = '', ...rest] = serverArgv('null');
    const { stdout } = spawnSync(program, rest, { input: 'quit\n', encoding: 'utf8' });
    expect(stdout).to.equal('ok\nok\n');
  });

  it('leaves what is typed to a shell that it opens with --raw', async () => {
    const terminal = start({}, '--raw');
    await terminal.shows(/^ok$/m);
    terminal.press('open', 'Enter');
    await terminal.shows(/^ok \/\S+$/m);
    terminal.press('shell /', 'Enter');
    await terminal.shows(/:\/[#$]\s*$/m);
    // Whoever wakes up first has a line, where two read.
    for (let line = 1; line <= 20; line++) {
      terminal.press(`echo got$((${line}))`, 'Enter');
      await terminal.shows(new RegExp(`^got${line}$`, 'm'));
    }
    terminal.press('exit', 'Enter');
    await terminal.shows(/exit\s+ok$/m);
    terminal.press('quit', 'Enter');
    await terminal.shows(/quit\s+ok\s+ended with 0/);
  });
});
