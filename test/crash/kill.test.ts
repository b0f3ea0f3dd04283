import { mkdirSync, readdirSync, writeFileSync, chmodSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { cpus, loadavg } from 'node:os';

import { expect } from 'chai';

import { cleanUpAfterTest } from '../support/clean-up.ts';
import { debianTarball, hasFixtures } from '../support/fixtures.ts';
import type { TestServer } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { SOAK } from '../support/soak.ts';
import { fileTempDir } from '../support/tempdir.ts';
import { hasPlainUser } from '../support/user.ts';
import {
  plainAs,
  prefixOf,
  reapAs,
  selfAs,
  serverOf,
  sessionsOf,
  startThrough,
  type Caller,
} from './caller.ts';
import {
  familyOf,
  killIfThere,
  mountsBelow,
  namedAfter,
  stillRunning,
  untilNone,
  withNeighbours,
  type Seen,
} from './processes.ts';
import { seeded, type Random } from './random.ts';

const ROUNDS = SOAK ? 500 : 20;

/**
 * Milliseconds until the kernel and the monitor must have taken everything away: more on a busy machine,
 * whose load is only known as it was a minute ago.
 */
const limit = () => 5000 * Math.max(1, (loadavg()[0] ?? 0) / cpus().length);

/** What a session goes through, in this order, and how long a step may take: ms. */
const STEPS = [
  'start',
  'open',
  'down',
  'execute',
  'up',
  'revert',
  'idle',
  'close',
  'quit',
] as const;
type Step = (typeof STEPS)[number];
const LONGEST: Record<Step, number> = {
  start: 60,
  open: 150,
  down: 80,
  execute: 60,
  up: 80,
  revert: 100,
  idle: 10,
  close: 40,
  quit: 40,
};

describe('a server that is killed', function () {
  this.timeout(SOAK ? 3_600_000 : 180_000);

  const callers: { title: string; caller: () => Caller; args: () => string[] }[] = [
    {
      title: 'as root over the machine itself',
      caller: () => selfAs(fileTempDir()),
      args: () => ['chroot', '--dialect=classic', '/'],
    },
    {
      title: 'as a plain user over a tarball',
      caller: plainAs,
      args: () => ['chroot', '--dialect=classic', debianTarball()],
    },
  ];
  for (const { title, caller: makeCaller, args: makeArgs } of callers) {
    describe(title, () => {
      let caller: Caller;
      let args: string[];
      before(function () {
        this.timeout(120_000);
        if (title.includes('root') && process.getuid?.() !== 0) skip(this, 'not root');
        if (!hasFixtures()) skip(this, 'there is no Debian tarball');
        if (title.includes('plain') && !hasPlainUser()) skip(this, 'there is no plain user');
        caller = makeCaller();
        args = makeArgs();
        makeTree(caller);
      });

      it(`leaves nothing, at ${ROUNDS} random moments of a session`, () =>
        seeded(async (random) => {
          for (let round = 0; round < ROUNDS; round++) {
            await killOnce(caller, args, random, 'server', round);
          }
        }));

      it('leaves nothing where its whole process group is killed', () =>
        seeded(async (random) => {
          for (let round = 0; round < ROUNDS / 4; round++) {
            await killOnce(caller, args, random, 'group', round);
          }
        }));

      it('leaves no process where the monitor is killed, and none of the testbed at once', () =>
        seeded(async (random) => {
          for (let round = 0; round < ROUNDS / 4; round++) {
            await killOnce(caller, args, random, 'monitor', round);
          }
        }));

      it('leaves the sessions of others alone', async () => {
        const bystander = serverOf(caller, args);
        expect(await bystander.reply()).to.equal('ok');
        expect(await bystander.command('open')).to.match(/^ok \//);
        const family = familyOf(bystander.child.pid ?? 0);
        await seeded((random) => killOnce(caller, args, random, 'server', 0, 1));
        expect(stillRunning(family)).to.have.length(family.length);
        expect(await bystander.command('revert')).to.match(/^ok \//);
        expect(await bystander.command('quit')).to.equal('ok');
        expect(sessionsOf(caller)).to.deep.equal([]);
      });
    });
  }
});

/** Some megabytes in a few hundred files: a copy of it takes long enough to be cut in two. */
function makeTree({ work }: Caller): void {
  for (let directory = 0; directory < 20; directory++) {
    mkdirSync(`${work}/tree/${directory}`, { recursive: true });
    for (let file = 0; file < 20; file++) {
      writeFileSync(`${work}/tree/${directory}/${file}`, Buffer.alloc(20_000, file));
    }
  }
  mkdirSync(`${work}/back`, { recursive: true });
  writeFileSync(`${work}/back/old`, 'old');
  chmodSync(`${work}/back`, 0o777);
  spawnSync('chmod', ['-R', 'a+rwX', work]);
}

/**
 * Takes a session up to a random step, sends that step's command and kills after a random time.
 * @param others sessions that live beside it and are not to be touched
 */
async function killOnce(
  caller: Caller,
  args: string[],
  random: Random,
  victim: 'server' | 'group' | 'monitor',
  round: number,
  others = 0,
): Promise<void> {
  const last = random.pick(STEPS);
  const delay = random.next() * LONGEST[last];
  const what = `round ${round}: ${victim} killed ${delay.toFixed(1)} ms into ${last}`;
  const server = serverOf(caller, args);
  const pid = server.child.pid ?? 0;
  let scratch = '';
  let helpers: Seen[] = [];
  for (const step of STEPS) {
    const now = step === last;
    if (step === 'start') {
      if (now) break;
      expect(await server.reply(), what).to.equal('ok');
      continue;
    }
    if (step === 'idle') {
      if (now) break;
      continue;
    }
    server.send(`${lineOf(step, scratch, caller)}\n`);
    if (now) break;
    const reply = await server.reply();
    expect(reply, `${what}: ${step}`).to.match(/^ok/);
    if (step === 'open') {
      scratch = reply.slice(3);
      helpers = await startStubborn(server);
    }
    if (step === 'revert') helpers = [];
  }
  await new Promise((resolve) => setTimeout(resolve, delay));

  const family = [...withNeighbours(familyOf(pid)), ...helpers];
  const monitor = family.find(
    ({ command, parent }) => /^regime: monitor|^perl/.test(command) && parent === pid,
  );
  const atKill = performance.now();
  if (victim === 'monitor' && monitor) killIfThere(monitor.pid);
  else killIfThere(victim === 'group' ? -pid : pid);
  const sessions = sessionsOf(caller);

  const ours = (seen: Seen) => victim !== 'monitor' || !monitor || seen.pid !== pid;
  const left = () => {
    const named = others > 0 ? [] : namedAfter(sessions);
    return [...stillRunning(family).filter(ours), ...named.filter(ours)];
  };
  const remaining = await untilNone(left, limit());
  expect(
    remaining.map(({ pid, state, command }) => `${pid} ${state} ${command}`).join('\n'),
    `${what}: processes left ${Math.round(performance.now() - atKill)} ms later`,
  ).to.equal('');
  expect(mountsBelow(caller.state), `${what}: mounts`).to.deep.equal([]);

  if (victim === 'monitor' && monitor) {
    // The server finds out with its next command at the latest, and ends in good order.
    server.endInput();
    const { status } = await server.ended;
    expect(status, `${what}: ${server.stderr()}`).to.be.oneOf([0, 12]);
  }
  await server.ended;
  const said = reapAs(caller);
  expect(sessionsOf(caller), `${what}: ${said}`).to.have.length(others);
  const beside = readdirSync(caller.work).sort();
  expect(beside, `${what}: beside the destination of copyup`).to.deep.equal(['back', 'tree']);
  const back = readdirSync(`${caller.work}/back`);
  expect(back, `${what}: the destination of copyup`).to.satisfy(
    (names: string[]) => names.includes('old') !== names.length > 1,
    'neither the old tree nor the new one is whole',
  );
  writeOld(caller);
}

/** Puts the destination of the copyup back to what it was. */
function writeOld({ work }: Caller): void {
  spawnSync('rm', ['-rf', `${work}/back`]);
  mkdirSync(`${work}/back`);
  writeFileSync(`${work}/back/old`, 'old');
  spawnSync('chmod', ['-R', 'a+rwX', work]);
}

function lineOf(step: Step, scratch: string, { work }: Caller): string {
  const lines: Partial<Record<Step, string>> = {
    down: `copydown ${work}/tree/ ${scratch}/tree/`,
    up: `copyup ${scratch}/tree/ ${work}/back/`,
    execute: `execute sh,-c,${encodeURIComponent('cp -a /usr/bin/[a-d]* /var/tmp; sleep 0.05')} /dev/null /dev/null /dev/null /`,
  };
  return lines[step] ?? step;
}

/** Processes in the testbed that want to stay: deaf to signals, in sessions of their own. */
async function startStubborn(server: TestServer): Promise<Seen[]> {
  const prefix = prefixOf(await server.command('print-execute-command'));
  const script = `trap '' HUP INT TERM; setsid sh -c 'trap "" HUP INT TERM; echo up; sleep 1000 & wait; sleep 1000' & wait`;
  const child = startThrough(prefix, ['sh', '-c', script]);
  child.stdin?.on('error', () => {});
  cleanUpAfterTest(() => void child.kill('SIGKILL'));
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', () => reject(new Error('the auxverb has ended')));
  });
  return withNeighbours(familyOf(child.pid ?? 0));
}
