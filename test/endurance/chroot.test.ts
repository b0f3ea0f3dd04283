import { existsSync, readFileSync } from 'node:fs';

import { expect } from 'chai';

import {
  plainAs,
  prefixOf,
  runThrough,
  selfAs,
  serverOf,
  sessionsOf,
  startThrough,
  type Caller,
} from '../crash/caller.ts';
import { descriptorsOf, familyOf, residentOf, untilNone } from '../crash/processes.ts';
import { debianTarball, debianTree, hasFixtures } from '../support/fixtures.ts';
import type { TestServer } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { tempDir } from '../support/tempdir.ts';
import { hasPlainUser } from '../support/user.ts';

const CYCLES = 100;
/** After so many cycles all is loaded and allocated that a session needs. */
const WARM = 20;
/**
 * Resident memory may grow by so much from there on: KiB. Over 400 reverts it was seen to swing by
 * 12 MiB, as the garbage collector pleases; what each cycle leaks in earnest adds up to more.
 */
const GROWTH = 16_000;

/** MiB, twice what is in use: what the garbage collector has merely not looked at is no growth. */
const SMALL_HEAP = '--max-old-space-size=16';

const root = process.getuid?.() === 0;

describe('a chroot testbed that is used hard', function () {
  this.timeout(120_000);
  let caller: Caller;
  let server: TestServer;
  let arguments_: string[];

  beforeEach(async function () {
    this.timeout(120_000);
    if (!hasFixtures()) skip(this, 'there is no Debian root file system');
    if (!root && !hasPlainUser()) skip(this, 'there is no plain user');
    caller = root ? selfAs(tempDir()) : plainAs();
    arguments_ = ['chroot', root ? debianTree() : debianTarball()];
    server = serverOf(caller, arguments_, { env: { ...caller.env, NODE_OPTIONS: SMALL_HEAP } });
    expect(await server.reply()).to.equal('ok');
  });

  const open = async () => {
    expect(await server.command('open')).to.match(/^ok \//);
    return auxverb();
  };
  const auxverb = async () => prefixOf(await server.command('print-execute-command'));

  it('runs 50 commands at once, each with its own input, output and status', async () => {
    const prefix = await open();
    const script = 'read -r line; echo "out $line"; echo "err $line" >&2; sleep 0.2; exit "$1"';
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, number) =>
        runThrough(prefix, ['sh', '-c', script, 'sh', String(number)], { input: `n${number}\n` }),
      ),
    );
    for (const [number, result] of results.entries()) {
      expect(result).to.deep.equal({
        status: number,
        signal: null,
        stdout: `out n${number}\n`,
        stderr: `err n${number}\n`,
      });
    }
    expect(await server.command('quit')).to.equal('ok');
  });

  it('ends a command that outlives a revert, without effect on the new testbed or the host', async () => {
    const prefix = await open();
    const mark = `/var/tmp/regime-test-outlives-${process.pid}`;
    // Deaf, quick, and writing all the time: to the testbed's disk and to every place that it shares.
    const script = `trap '' HUP INT TERM; echo up; while :; do echo x >> ${mark}; done`;
    const children = [0, 1, 2].map(() => startThrough(prefix, ['sh', '-c', script]));
    const ends = children.map(
      (child) =>
        new Promise<[number | null, string | null]>((resolve) =>
          child.once('exit', (status, signal) => resolve([status, signal])),
        ),
    );
    await Promise.all(
      children.map((child) => new Promise((resolve) => child.stdout?.once('data', resolve))),
    );
    expect(await server.command('revert')).to.match(/^ok \//);
    for (const [status, signal] of await Promise.all(ends)) {
      if (signal === null) expect(status).to.be.oneOf([254, 255, 137]);
    }
    const fresh = await auxverb();
    const found = await runThrough(fresh, ['sh', '-c', `ls ${mark}; ps ax 2>/dev/null; true`]);
    expect(found.stdout).to.not.contain(mark);
    expect(existsSync(mark), 'a write to the host').to.equal(false);
    // The old prefix never leads into the new testbed.
    const stale = await runThrough(prefix, ['sh', '-c', `echo stale > ${mark}`]);
    expect(stale.status).to.be.oneOf([254, 255]);
    expect((await runThrough(fresh, ['cat', mark])).status).to.equal(1);
  });

  it('says 254 or 255 for every command that is under way when its testbed reverts, or ends', async () => {
    for (const command of ['revert', 'close']) {
      const prefix = await (command === 'revert' ? open() : auxverb());
      const running = Array.from({ length: 10 }, () => runThrough(prefix, ['sleep', '60']));
      const counted = () =>
        familyOf(process.pid).filter((one) => one.command.startsWith('sleep 60')).length;
      await untilNone(() => (counted() < 10 ? [1] : []), 10_000);
      expect(await server.command(command)).to.match(/^ok/);
      for (const { status, signal } of await Promise.all(running)) {
        expect(signal ?? status).to.be.oneOf([254, 255, 'SIGKILL']);
      }
    }
  });

  it('lets no orphan stay a zombie', async () => {
    const prefix = await open();
    const script =
      'i=0; while [ $i -lt 50 ]; do (sh -c "sleep 0.05; exit 3" &) ; i=$((i + 1)); done; true';
    await runThrough(prefix, ['sh', '-c', script]);
    const states = `for f in /proc/[0-9]*/stat; do cat $f 2>/dev/null; done | grep -c ') Z '; true`;
    let count = '';
    const zombies = async () => (await runThrough(prefix, ['sh', '-c', states])).stdout.trim();
    for (let turn = 0; turn < 50 && count !== '0'; turn++) count = await zombies();
    expect(count).to.equal('0');
  });

  const cycles: { title: string; lines: string[] }[] = [
    { title: 'open and close', lines: ['open', 'print-execute-command', 'close'] },
    { title: 'revert', lines: ['revert', 'capabilities'] },
  ];
  for (const { title, lines } of cycles) {
    it(`does ${CYCLES} times ${title} without growing`, async () => {
      if (lines[0] === 'revert') await open();
      const pid = server.child.pid ?? 0;
      const measure = () => {
        const family = familyOf(pid);
        const monitor = family.find(({ parent }) => parent === pid);
        return {
          descriptors: descriptorsOf(pid),
          resident: residentOf(pid),
          processes: family.length,
          monitorDescriptors: monitor ? descriptorsOf(monitor.pid) : 0,
          monitorResident: monitor ? residentOf(monitor.pid) : 0,
        };
      };
      let warm = measure();
      for (let cycle = 1; cycle <= CYCLES; cycle++) {
        for (const line of lines)
          expect(await server.command(line), `cycle ${cycle}`).to.match(/^ok/);
        if (cycle === WARM) warm = await settled(measure);
      }
      const end = await settled(measure, warm.processes);
      const told = JSON.stringify({ warm, end });
      expect(end.descriptors, told).to.be.at.most(warm.descriptors);
      expect(end.processes, told).to.be.at.most(warm.processes);
      expect(end.monitorDescriptors, told).to.be.at.most(warm.monitorDescriptors);
      expect(end.resident, told).to.be.below(warm.resident + GROWTH);
      expect(end.monitorResident, told).to.be.below(warm.monitorResident + 2000);
      expect(zombiesOf(pid), 'zombies of the server').to.equal(0);
      expect(sessionsOf(caller)).to.have.length(lines[0] === 'revert' ? 1 : 0);
      expect(await server.command('quit')).to.equal('ok');
      expect((await server.ended).status).to.equal(0);
      expect(sessionsOf(caller)).to.deep.equal([]);
    });
  }
});

/**
 * What was retired last (a keeper that still removes an upper layer) may need a moment: until there are
 * no more processes than are expected, on a busy machine for long.
 */
async function settled<T extends { processes: number }>(
  measure: () => T,
  expected?: number,
): Promise<T> {
  let least = measure();
  const look = () => {
    const now = measure();
    if (now.processes <= least.processes) least = now;
    return [1];
  };
  await untilNone(look, 300);
  if (expected !== undefined) {
    await untilNone(() => (least.processes > expected ? look() : []), 20_000);
  }
  return least;
}

function zombiesOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ');
  return children.filter((child) => {
    try {
      return child && / Z /.test(readFileSync(`/proc/${child}/stat`, 'latin1'));
    } catch {
      return false;
    }
  }).length;
}
