import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';

import { expect } from 'chai';

import { startChrootMonitor } from '../../../regimes/chroot/monitor.ts';
import { localPlace } from '../../../src/place/local.ts';
import { prefixOf, reapAs, runThrough, selfAs, serverOf, type Caller } from '../../crash/caller.ts';
import { cleanUpAfterTest } from '../../support/clean-up.ts';
import type { TestServer } from '../../support/server.ts';
import { fileTempDir, tempDir } from '../../support/tempdir.ts';
import { needRoot } from '../support/needs.ts';
import { openSession, refusedStart } from '../support/session.ts';
import { makeSmallTree } from '../support/small-tree.ts';
import { untilSays } from '../support/until.ts';

describe('chroot --in-place', function () {
  this.timeout(60_000);
  let tree: string;
  let caller: Caller;

  before(function () {
    needRoot(this);
    tree = makeSmallTree(`${fileTempDir()}/tree`);
  });

  beforeEach(() => {
    caller = selfAs(tempDir());
  });

  const start = async (...options: string[]): Promise<TestServer> => {
    const server = serverOf(caller, ['chroot', ...options, tree]);
    expect(await server.reply()).to.equal('ok');
    return server;
  };

  it('leaves what a test changed, and nothing of its own', async () => {
    const before = readdirSync(tree).sort();
    const bed = await openSession(caller, ['chroot', '--in-place', tree]);
    await bed.sh('echo stays >/srv/stays');
    await bed.quit();
    expect(readFileSync(`${tree}/srv/stays`, 'utf8')).to.equal('stays\n');
    rmSync(`${tree}/srv/stays`);
    const after = readdirSync(tree).filter((name) => !['dev', 'proc', 'sys'].includes(name));
    expect(after.sort()).to.deep.equal(before);
    expect(readdirSync(`${tree}/tmp`)).to.deep.equal([]);
    for (const name of ['dev', 'proc', 'sys']) {
      expect(readdirSync(`${tree}/${name}`), name).to.deep.equal([]);
    }
  });

  it('advertises root and no revert, and refuses revert', async () => {
    const bed = await openSession(caller, ['chroot', '--in-place', tree]);
    const words = await bed.capabilities();
    expect(words).to.include('root-on-testbed');
    expect(words.filter((word) => word.startsWith('revert'))).to.deep.equal([]);
    bed.server.send('revert\n');
    expect((await bed.server.ended).status).to.equal(12);
  });

  it('makes the scratch space for its owner alone to write into', async () => {
    const bed = await openSession(caller, ['chroot', '--in-place', tree]);
    expect(await bed.sh(`stat -c %a ${bed.scratch}`)).to.equal('755');
    await bed.quit();
    expect(existsSync(tree + bed.scratch)).to.equal(false);
  });

  it('opens no device that is made in the tree', async () => {
    const bed = await openSession(caller, ['chroot', '--in-place', tree]);
    const script = 'mknod /srv/zero c 1 5 && head -c1 /srv/zero; s=$?; rm -f /srv/zero; exit $s';
    const { status, stderr } = await bed.run('sh', '-c', script);
    expect(status).to.not.equal(0);
    expect(stderr).to.include('Permission denied');
    expect(await bed.sh('head -c1 /dev/zero | wc -c')).to.equal('1');
    await bed.quit();
  });

  it('waits until who has the tree is done, and says who that is', async () => {
    const first = await start('--in-place');
    expect(await first.command('open')).to.match(/^ok /);
    const second = await start('--in-place');
    second.send('open\n');
    await untilSays(second, 'waiting for');
    expect(second.stderr()).to.match(
      /^regime: waiting for \S+, which is used by process \d+ \(regime: monitor of .*\) since .*\n$/,
    );
    expect(second.rest()).to.equal('');
    expect(await first.command('quit')).to.equal('ok');
    expect(await second.reply()).to.match(/^ok /);
    expect(await second.command('quit')).to.equal('ok');
  });

  it('waits for testbeds that lie over the tree, which share it, and they for it', async () => {
    const [one, two] = [await start(), await start()];
    expect(await one.command('open')).to.match(/^ok /);
    expect(await two.command('open')).to.match(/^ok /);
    const writer = await start('--in-place');
    writer.send('open\n');
    await untilSays(writer, 'waiting for');
    expect(await one.command('quit')).to.equal('ok');
    expect(await two.command('quit')).to.equal('ok');
    expect(await writer.reply()).to.match(/^ok /);
    const reader = await start();
    reader.send('open\n');
    await untilSays(reader, 'waiting for');
    expect(await writer.command('close')).to.equal('ok');
    expect(await reader.reply()).to.match(/^ok /);
  });

  it('goes on waiting while a server on another machine says that it lives', async () => {
    const holder = spawn('flock', [tree, 'sh', '-c', 'echo held; read word']);
    cleanUpAfterTest(() => void holder.kill('SIGKILL'));
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    const monitor = startChrootMonitor(localPlace, []);
    cleanUpAfterTest(() => {
      monitor.drop();
      return monitor.ended;
    });
    const settings = {
      name: 'regime-waits',
      base: `${tempDir()}/base`,
      lower: tree,
      heartbeat: 45,
    };
    const words = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
    const onWait = () => {
      monitor.tell('beat');
      holder.stdin.end();
    };
    const [rights] = await monitor.ask(['start', ...words], { onWait });
    expect(rights).to.equal('full');
    await monitor.ask(['end']);
  });

  it('goes to the next when its holder is killed', async () => {
    const first = await start('--in-place');
    expect(await first.command('open')).to.match(/^ok /);
    const second = await start('--in-place');
    second.send('open\n');
    await untilSays(second, 'waiting for');
    first.child.kill('SIGKILL');
    expect(await second.reply()).to.match(/^ok /);
    expect(await second.command('quit')).to.equal('ok');
    reapAs(caller);
    expect(readdirSync(`${tree}/tmp`), 'the scratch space of the dead one').to.deep.equal([]);
  });

  it('lets a caller that has gone stop waiting, and holds nothing for it', async () => {
    const first = await start('--in-place');
    expect(await first.command('open')).to.match(/^ok /);
    const second = await start('--in-place');
    second.send('open\n');
    await untilSays(second, 'waiting for');
    second.endInput();
    expect((await second.ended).status).to.equal(12);
    expect(second.rest()).to.equal('');
    expect(await first.command('quit')).to.equal('ok');
    const third = await start('--in-place');
    expect(await third.command('open')).to.match(/^ok /);
    expect(await third.command('quit')).to.equal('ok');
  });

  it('fails at once with --wait=0, and says who has the tree and since when', async () => {
    const first = await start('--in-place');
    expect(await first.command('open')).to.match(/^ok /);
    const second = await start('--in-place', '--wait=0');
    second.send('open\n');
    expect((await second.ended).status).to.equal(12);
    const [line, ...more] = second.stderr().trimEnd().split('\n');
    expect(line).to.match(/failure: open: \S+ is used by process \d+ \(.*\) since .*--wait/);
    expect(more.join('\n')).to.not.include('waiting');
    expect(await first.command('quit')).to.equal('ok');
  });

  it('waits as long as --wait says', async () => {
    const first = await start('--in-place');
    expect(await first.command('open')).to.match(/^ok /);
    const second = await start('--in-place', '--wait=300ms');
    second.send('open\n');
    await untilSays(second, 'waiting for');
    expect((await second.ended).status).to.equal(12);
    expect(second.stderr()).to.match(/failure: open: \S+ is used by process \d+/);
    const third = await start('--in-place', '--wait=1h');
    third.send('open\n');
    await untilSays(third, 'waiting for');
    expect(await first.command('quit')).to.equal('ok');
    expect(await third.reply()).to.match(/^ok /);
    expect(await third.command('quit')).to.equal('ok');
  });

  it('gives up after --timeout-open', async () => {
    const first = await start('--in-place');
    expect(await first.command('open')).to.match(/^ok /);
    const second = await start('--in-place', '--timeout-open=1');
    second.send('open\n');
    expect((await second.ended).status).to.equal(12);
    expect(second.stderr().trimEnd().split('\n').at(-1)).to.match(/failure: open: time is up/);
    const status = await runThrough(prefixOf(await first.command('print-execute-command')), [
      'true',
    ]);
    expect(status.status).to.equal(0);
    expect(await first.command('quit')).to.equal('ok');
  });

  for (const [args, words] of [
    [['--in-place', '/'], 'in a directory'],
    [['--in-place', '--keep-home', 'TREE'], 'exclude each other'],
    [['--in-place', '--keep-tmp', 'TREE'], 'exclude each other'],
    [['--in-place', '--size=1M', 'TREE'], 'exclude each other'],
  ] as const) {
    it(`is refused at the start as ${args.join(' ')}`, async () => {
      const given = args.map((word) => (word === 'TREE' ? tree : word));
      const { lines, status, replies } = await refusedStart(caller, ['chroot', ...given]);
      expect(status).to.equal(2);
      expect(replies).to.equal('');
      expect(lines).to.have.length(1);
      expect(lines[0]).to.include(words);
    });
  }
});
