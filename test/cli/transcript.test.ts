import { spawnSync } from 'node:child_process';
import { chownSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { withoutSecrets } from '../../src/cli/secrets.ts';
import { serverArgv, startServer } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';
import { openTerminal } from '../support/terminal.ts';

describe('--transcript', function () {
  this.timeout(30_000);
  const start = (file: string, directory: string) =>
    startServer(serverArgv('null', '--transcript', file), {
      env: { ...process.env, XDG_STATE_HOME: directory },
      cwd: directory,
    });
  const read = (path: string) =>
    readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { time: string; from: string; line: string });

  it('has each line both ways with its time, for its owner only, and goes on in the same file', async () => {
    const directory = tempDir();
    for (const round of [1, 2]) {
      const server = start('said', directory);
      expect(await server.reply()).to.equal('ok');
      await server.command('capabilities');
      await server.command('quit');
      const entries = read(`${directory}/said`);
      expect(entries).to.have.length(5 * round);
      const [first, second, third] = entries.slice(-5);
      expect([first?.from, first?.line]).to.deep.equal(['server', 'ok']);
      expect([second?.from, second?.line]).to.deep.equal(['caller', 'capabilities']);
      expect(third?.line).to.match(/^ok /);
      expect(Date.parse(first?.time ?? '')).to.be.closeTo(Date.now(), 60_000);
    }
    expect(statSync(`${directory}/said`).mode & 0o777).to.equal(0o600);
  });

  it('leaves out the values of variables that look like secrets, and keeps bytes that are no text', async () => {
    const directory = tempDir();
    const server = start('said', directory);
    await server.reply();
    await server.command('open');
    const words = 'env=API_TOKEN=hunter2 env=DB%5FPASSWORD%3Dhunter2 env=PLAIN=kept';
    expect(await server.command(`execute true /dev/null /dev/null /dev/null / ${words}`)).to.match(
      /^ok 0/,
    );
    await server.command('copyup /no/such\xff /tmp/x');
    await server.command('quit');
    const text = readFileSync(`${directory}/said`, 'utf8');
    expect(text).to.include('env=API_TOKEN=*** env=DB_PASSWORD=*** env=PLAIN=kept');
    expect(text).to.include('/no/such%FF');
    expect(text).to.not.include('hunter2');
  });

  it('has what is said at a terminal, in a script and for one command, as it would be on the wire', async () => {
    const directory = tempDir();
    const file = `${directory}/said`;
    const said = () =>
      read(file).map(({ from, line }) => `${from === 'caller' ? '>' : '<'} ${line}`);
    const call = (input: string, ...words: string[]) => {
      const [program = '', ...args] = serverArgv(...words);
      const env = { ...process.env, XDG_STATE_HOME: directory };
      return spawnSync(program, args, { env, input, encoding: 'utf8' });
    };
    const script = `open\n!sh -c 'exit 3'\nexpect ok 3\ncopydown /no/such "/tmp/a b"\n`;
    expect(call(script, 'script', '-', '--', 'null', '--transcript', file).status).to.equal(1);
    expect(said().map((line) => line.replace(/ok \/.*/, 'ok'))).to.deep.equal([
      ...['> open', '< ok', '> ! sh -c exit%203', '< ok 3'],
      ...['> copydown /no/such /tmp/a%20b', '< copy-failed'],
    ]);
    expect(
      call('', 'run', `null --transcript ${file}`, 'echo', '--password=hunter2').status,
    ).to.equal(0);
    expect(said().slice(-6).join('\n')).to.match(
      /^> open\n< ok \S+\n> ! sh .* echo --password=\*\*\*\n< ok 0\n> close\n< ok$/,
    );
    const terminal = openTerminal(serverArgv('null', '--transcript', file), {
      XDG_STATE_HOME: directory,
    });
    await terminal.shows(/closed>/);
    terminal.press('frob "a b"', 'Enter', 'quit', 'Enter');
    await terminal.shows(/ended with 0/);
    expect(said().slice(-4)).to.deep.equal(['> frob a%20b', '< failed', '> quit', '< ok']);
    expect(read(file).at(-3)).to.have.property('error', 'unknown command frob');
  });

  it('leaves out secrets in scripts, options and URLs, and nothing else', () => {
    for (const [line, shown] of [
      ['! sh -c TOKEN%3Dhunter2%20run', '! sh -c TOKEN=***%20run'],
      ['! mysql --password hunter2 -u me', '! mysql --password *** -u me'],
      ['execute curl,--api-key,hunter2,x / / / /', 'execute curl,--api-key,***,x / / / /'],
      ['! git clone https://me:hunter2@host/x', '! git clone https://me:***@host/x'],
      ['! git clone https://hunter2@host/x', '! git clone https://***@host/x'],
      ['! scp ssh://me@host/x a%2Cb', '! scp ssh://me@host/x a%2Cb'],
      ['copydown /etc/passwd /tmp/keys', 'copydown /etc/passwd /tmp/keys'],
    ] as const) {
      expect(withoutSecrets(line)).to.equal(shown);
    }
  });

  it('is not written where somebody else has put a file or a link', function () {
    if (process.getuid?.() !== 0) skip(this, 'only root can give files away');
    const directory = tempDir();
    writeFileSync(`${directory}/file`, '');
    chownSync(`${directory}/file`, 1, 1);
    symlinkSync('/dev/null', `${directory}/link`);
    spawnSync('chown', ['-h', '1:1', `${directory}/link`]);
    for (const name of ['file', 'link']) {
      const [program = '', ...args] = serverArgv('null', '--transcript', `${directory}/${name}`);
      const { status, stderr } = spawnSync(program, args, { input: '', encoding: 'utf8' });
      expect(status, stderr).to.equal(2);
      expect(stderr).to.match(/--transcript: /);
    }
  });

  it('ends with a word about it where the disk is full, and the session goes on', async () => {
    const directory = tempDir();
    symlinkSync('/dev/full', `${directory}/said`);
    const server = start('said', directory);
    expect(await server.reply()).to.equal('ok');
    expect(await server.command('open')).to.match(/^ok /);
    expect(await server.command('quit')).to.equal('ok');
    expect(server.stderr().match(/the transcript ends here/g)).to.have.length(1);
  });

  it('is refused where it can not be opened', async () => {
    const server = start('no/such/directory', tempDir());
    expect(await server.ended).to.deep.equal({ status: 2, signal: null });
    expect(server.stderr()).to.match(/^regime: --transcript: .*\n$/);
  });
});
