import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { FAULT_POINTS } from '../../src/fault.ts';
import { needRoot } from '../regimes/support/needs.ts';
import { until } from '../regimes/support/until.ts';
import { startServer } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { SOAK } from '../support/soak.ts';
import { startBystanders, type Bystanders } from './bystanders.ts';
import { reapAs, sessionsOf, type Caller } from './caller.ts';
import { controlGroupsNamed, makeControlGroup, type ControlGroup } from './control-group.ts';
import { buildWithFaults } from './faulty-build.ts';
import { kinds, type FaultPoint, type Kind, type Ready } from './kinds.ts';
import { isStopped, namedAfter, untilNone } from './processes.ts';

/** Milliseconds until the kernel and a monitor must have taken everything away, on a busy machine. */
const PATIENCE = 20_000;

/** What is killed: the server alone, its process group, all that is in its control group. */
const VICTIMS = ['server', 'group', 'control group'] as const;

/** Where containers take seconds to be made, or the rest is what others have, unless there is time. */
const FEW: readonly FaultPoint[] = [
  'container.created',
  'open.made',
  'revert.swapped',
  'close.begun',
];

describe('a server that is killed at a named moment', function () {
  this.timeout(SOAK ? 1_200_000 : 300_000);
  let program: string;

  before(function () {
    needRoot(this);
    program = buildWithFaults();
  });

  for (const kind of kinds) {
    describe(kind.title, () => {
      let ready: Ready;
      let bystanders: Bystanders | undefined;

      before(async function () {
        this.timeout(180_000);
        ready = await kind.prepare(this);
        makeInputs(ready.caller);
        bystanders = await startBystanders(ready, PATIENCE);
      });
      after(() => bystanders?.end());

      for (const [index, point] of pointsOf(kind).entries()) {
        const victims = SOAK ? VICTIMS : VICTIMS.slice(index % 3, (index % 3) + 1);
        for (const victim of victims) {
          it(`leaves nothing after a reap: ${victim} killed at ${point}`, async function () {
            const scratchSpaces = () => (ready.temporary ? readdirSync(ready.temporary) : []);
            const before = scratchSpaces();
            const group = victim === 'control group' ? makeControlGroup() : undefined;
            if (!group && victim === 'control group') skip(this, 'no control group can be made');
            const fault = [`REGIME_FAULT=${point}`, `REGIME_FAULT_VICTIM=${victim}`];
            const ours = await playUntilDead(faulty(ready, fault), ready.caller, kind, group);
            // An engine keeps its own until they are reaped.
            if (!kind.containers) await nothingRuns(ours);
            const failures = reapAs(ready.caller).match(/^failed.*/gm) ?? [];
            expect(failures.join('\n'), 'reap').to.equal('');
            await nothingRuns(ours);
            await bystanders?.check();
            nothingIsThere(ready, ours);
            expect(scratchSpaces(), 'scratch spaces').to.have.members(before);
          });
        }
      }
    });
  }

  const faulty = ({ caller, args }: Ready, fault: string[]): string[] => {
    const argv = caller
      .argv(...['--share', '--dialect=classic', ...args])
      .map((word) => (word.endsWith('/dist/main.js') ? program : word));
    const node = argv.indexOf(program) - 1;
    return ['setsid', ...argv.slice(0, node), 'env', ...fault, ...argv.slice(node)];
  };
});

/** The moments that a kind goes through. Copies and commands are the same code for most. */
function pointsOf({ points, reverts, containers }: Kind): FaultPoint[] {
  return FAULT_POINTS.filter(
    (point) =>
      !/^(keep|reset)\./.test(point) &&
      (reverts || !point.startsWith('revert.')) &&
      (containers || !point.startsWith('container.')) &&
      (SOAK || points === 'all' || !/^(copydown|execute|copyup)\./.test(point)) &&
      (SOAK || points !== 'few' || FEW.includes(point)),
  );
}

function makeInputs({ work }: Caller): void {
  mkdirSync(`${work}/tree`);
  writeFileSync(`${work}/tree/file`, 'new');
  mkdirSync(`${work}/back`);
  writeFileSync(`${work}/back/old`, 'old');
  spawnSync('chmod', ['-R', 'a+rwX', work]);
}

/**
 * Plays a session until the server's death.
 * @param group is killed when the server has stopped at its moment
 * @returns the sessions that it leaves
 */
async function playUntilDead(
  argv: string[],
  caller: Caller,
  { reverts }: Kind,
  group?: ControlGroup,
): Promise<string[]> {
  const living = sessionsOf(caller);
  const whole = [...(group?.prefix ?? []), ...argv];
  const server = startServer(whole, { env: caller.env, patience: 120_000 });
  const play = async () => {
    await server.reply();
    const scratch = (await server.command('open')).slice(3);
    await server.command(`copydown ${caller.work}/tree/ ${scratch}/tree/`);
    await server.command(`execute true /dev/null /dev/null /dev/null /`);
    await server.command(`copyup ${scratch}/tree/ ${caller.work}/back/`);
    if (reverts) await server.command('revert');
    await server.command('quit');
  };
  const played = play().catch(() => {});
  if (group) {
    await until(() => isStopped(server.child.pid ?? 0), 'the server has stopped', 120_000);
    await group.kill();
  }
  await played;
  server.endInput();
  const { signal } = await server.ended;
  expect(signal, server.stderr()).to.equal('SIGKILL');
  return sessionsOf(caller)
    .filter((name) => !living.includes(name))
    .map((name) => name.replace(/\.session$/, ''));
}

/** No process bears the name of one of these sessions any more. */
async function nothingRuns(sessions: string[]): Promise<void> {
  // podman 4 keeps the conmon of a command that came by its API for five minutes after its end.
  const named = () =>
    namedAfter(sessions).filter(({ command }) => !/conmon .*exec_pid/.test(command));
  const left = await untilNone(named, PATIENCE);
  const lines = left.map(({ command, state }) => `${state} ${command}`);
  expect(lines.join('\n'), 'processes').to.equal('');
}

/** No file is left, where sessions put them, but for a copy that is either the old or the new one. */
function nothingIsThere({ caller, args }: Ready, sessions: string[]): void {
  expect(sessionsOf(caller), 'sessions').to.have.length(1);
  for (const session of sessions) {
    expect(controlGroupsNamed(session), 'control groups').to.deep.equal([]);
    for (const directory of ['/tmp', '/var/tmp', '/run']) {
      const found = readdirSync(directory).filter((name) => name.includes(session));
      expect(found, directory).to.deep.equal([]);
    }
  }
  const beside = readdirSync(caller.work).sort();
  expect(beside, 'beside the destination of copyup').to.deep.equal(['back', 'tree']);
  const back = readdirSync(`${caller.work}/back`);
  expect(['old', 'file'], 'the destination of copyup').to.include(back.join());
  if (!args.includes('--in-place')) return;
  for (const name of ['tmp', 'var/tmp']) {
    const path = `${args.at(-1) ?? ''}/${name}`;
    expect(existsSync(path) ? readdirSync(path) : [], path).to.deep.equal([]);
  }
}
