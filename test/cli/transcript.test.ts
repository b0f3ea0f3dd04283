import { readFileSync, statSync, symlinkSync } from 'node:fs';

import { expect } from 'chai';

import { serverArgv, startServer } from '../support/server.ts';
import { tempDir } from '../support/tempdir.ts';

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
