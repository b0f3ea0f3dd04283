import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import { expect } from 'chai';

import { FAULT_POINTS } from '../../src/fault.ts';
import { needRoot } from '../regimes/support/needs.ts';
import { makeSmallTree } from '../regimes/support/small-tree.ts';
import { cleanUpAfterFile } from '../support/clean-up.ts';
import { importBusybox, startEngine, type TestEngine } from '../support/docker.ts';
import { debianTarball, hasFixtures } from '../support/fixtures.ts';
import { startPodman, type TestPodman } from '../support/podman.ts';
import { projectRoot, startServer } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { fileTempDir } from '../support/tempdir.ts';
import { hasPlainUser } from '../support/user.ts';
import { plainAs, reapAs, selfAs, serverOf, sessionsOf, type Caller } from './caller.ts';
import { familyOf, mountsBelow, namedAfter, stillRunning, untilNone } from './processes.ts';

type FaultPoint = (typeof FAULT_POINTS)[number];
const SOAK = Boolean(process.env['REGIME_SOAK']);

/** Milliseconds until the kernel and a monitor must have taken everything away, on a busy machine. */
const PATIENCE = 20_000;

/** Of a regime whose containers take seconds to make, unless there is time. */
const FEW: readonly FaultPoint[] = [
  'container.created',
  'open.made',
  'revert.swapped',
  'close.begun',
];

/** What makes and takes away the testbed; the rest is the same code for all regimes. */
const OWN = FAULT_POINTS.filter((point) => !/^(copydown|execute|copyup)\./.test(point));

/** What a regime of the matrix needs. */
interface Kind {
  title: string;
  /** Makes ready, or skips; gives who calls, and with which words. */
  prepare(
    context: Mocha.Context,
  ): Promise<{ caller: Caller; args: string[]; bystander?: string[] }>;
  points?: readonly FaultPoint[];
  reverts: boolean;
  containers?: () => string[];
}

let engine: TestEngine;
let podman: TestPodman;
let tree: string;

const withEnv = (env: NodeJS.ProcessEnv): Caller => {
  const caller = selfAs(fileTempDir());
  return { ...caller, env: { ...caller.env, ...env } };
};
const kinds: Kind[] = [
  {
    title: 'null',
    prepare: async () => ({ caller: selfAs(fileTempDir()), args: ['null'] }),
    reverts: false,
  },
  {
    title: 'chroot, as root',
    prepare: async () => ({ caller: selfAs(fileTempDir()), args: ['chroot', tree] }),
    reverts: true,
  },
  {
    title: 'chroot, as a plain user',
    async prepare(context) {
      if (!hasPlainUser()) skip(context, 'there is no plain user');
      if (!hasFixtures()) skip(context, 'there is no Debian tarball');
      return { caller: plainAs(), args: ['chroot', debianTarball()] };
    },
    ...(!SOAK && { points: OWN }),
    reverts: true,
  },
  {
    title: 'chroot --in-place',
    prepare: async () => ({
      caller: selfAs(fileTempDir()),
      args: ['chroot', '--in-place', makeSmallTree(`${fileTempDir()}/tree`)],
      bystander: ['chroot', tree],
    }),
    reverts: false,
  },
  {
    title: 'docker',
    async prepare(context) {
      engine = await startEngine(context);
      importBusybox(engine);
      const name = 'regime-aaaaaaaaaa-1';
      engine.docker('run', '-d', '--name', name, 'busybox:test', 'sleep', '1000000');
      return { caller: withEnv(engine.env), args: ['docker', 'busybox:test'] };
    },
    ...(!SOAK && { points: OWN }),
    reverts: true,
    containers: () => engine.containers(),
  },
  {
    title: 'podman',
    async prepare(context) {
      if (!hasFixtures()) skip(context, 'there is no Debian tarball');
      podman = await startPodman(context);
      podman.podman('import', debianTarball(), 'localhost/debian:test');
      const args = ['podman', '--host', podman.host, '--standby=0', 'localhost/debian:test'];
      return { caller: selfAs(fileTempDir()), args };
    },
    ...(!SOAK && { points: FEW }),
    reverts: true,
    containers: () => podman.podman('ps', '--all', '--format', '{{.Names}}').split('\n').sort(),
  },
];

describe('a server that is killed at a named moment', function () {
  this.timeout(SOAK ? 1_200_000 : 300_000);
  let program: string;

  before(function () {
    needRoot(this);
    program = buildWithFaults();
    tree = makeSmallTree(`${fileTempDir()}/tree`);
  });

  for (const kind of kinds) {
    describe(kind.title, () => {
      let caller: Caller;
      let args: string[];
      let check: () => void;

      before(async function () {
        this.timeout(180_000);
        const prepared = await kind.prepare(this);
        ({ caller, args } = prepared);
        makeInputs(caller);
        check = await startBystanders(caller, prepared.bystander ?? args, kind);
      });

      const points = (kind.points ?? FAULT_POINTS).filter(
        (point) =>
          (kind.reverts || !point.startsWith('revert.')) &&
          (kind.containers || !point.startsWith('container.')),
      );
      for (const [index, point] of points.entries()) {
        const victims = SOAK ? ['server', 'group'] : [index % 2 ? 'server' : 'group'];
        for (const victim of victims) {
          it(`leaves nothing after a reap: ${victim} killed at ${point}`, async () => {
            const before = readdirSync('/var/tmp').sort();
            const argv = caller
              .argv(...['--share', '--dialect=classic', ...args])
              .map((word) => (word.endsWith('/dist/main.js') ? program : word));
            const fault = [`REGIME_FAULT=${point}`, `REGIME_FAULT_VICTIM=${victim}`];
            const node = argv.indexOf(program) - 1;
            const whole = ['setsid', ...argv.slice(0, node), 'env', ...fault, ...argv.slice(node)];
            await playUntilDead(whole, caller, kind);
            expect(reapAs(caller)).to.not.match(/^failed/m);
            expect(sessionsOf(caller)).to.have.length(1);
            check();
            const beside = readdirSync(caller.work).sort();
            expect(beside, 'beside the destination of copyup').to.deep.equal(['back', 'tree']);
            const back = readdirSync(`${caller.work}/back`);
            expect(['old', 'file'], 'the destination of copyup').to.include(back.join());
            if (kind.title === 'null') {
              expect(readdirSync('/var/tmp').sort()).to.deep.equal(before);
            }
            if (args.includes('--in-place')) {
              for (const name of ['tmp', 'var/tmp']) {
                const path = `${args.at(-1) ?? ''}/${name}`;
                expect(existsSync(path) ? readdirSync(path) : [], path).to.deep.equal([]);
              }
            }
          });
        }
      }
    });
  }
});

/** The program with its fault points, where a plain user can read it too. */
function buildWithFaults(): string {
  const directory = fileTempDir();
  chmodSync(directory, 0o755);
  mkdirSync(`${directory}/dist`);
  symlinkSync(`${projectRoot}/node_modules`, `${directory}/node_modules`);
  writeFileSync(`${directory}/package.json`, readFileSync(`${projectRoot}/package.json`));
  const build = [`${projectRoot}/build.mjs`, `--faults=${directory}/dist`];
  const { status, stderr } = spawnSync(process.execPath, build, { encoding: 'utf8' });
  expect(status, stderr).to.equal(0);
  return `${directory}/dist/main.js`;
}

function makeInputs({ work }: Caller): void {
  mkdirSync(`${work}/tree`);
  writeFileSync(`${work}/tree/file`, 'new');
  mkdirSync(`${work}/back`);
  writeFileSync(`${work}/back/old`, 'old');
  spawnSync('chmod', ['-R', 'a+rwX', work]);
}

/** Starts what no reap may touch; gives what looks whether it is still there. */
async function startBystanders(
  caller: Caller,
  args: string[],
  { containers }: Kind,
): Promise<() => void> {
  const foreign = `${fileTempDir()}/regime`;
  mkdirSync(foreign);
  const mount = spawnSync('mount', ['-t', 'tmpfs', 'regime', foreign]);
  expect(mount.status, mount.stderr.toString()).to.equal(0);
  cleanUpAfterFile(() => void spawnSync('umount', [foreign]));
  const server = serverOf(caller, args, { untilFileEnds: true, patience: 120_000 });
  expect(await server.reply()).to.equal('ok');
  expect(await server.command('open')).to.match(/^ok /);
  if (containers) await untilNone(() => (containers().length < 2 ? [0] : []), PATIENCE);
  const family = familyOf(server.child.pid ?? 0);
  const mounts = mountsBelow(caller.state).length;
  const there = containers?.();
  return () => {
    expect(stillRunning(family), 'the living session').to.have.length(family.length);
    expect(mountsBelow(foreign), 'the foreign mount').to.have.length(1);
    expect(mountsBelow(caller.state), 'mounts').to.have.length(mounts);
    if (there) expect(containers?.(), 'containers').to.deep.equal(there);
  };
}

/** Plays a session until the server's death; then nothing of it may run but what an engine keeps. */
async function playUntilDead(argv: string[], caller: Caller, kind: Kind): Promise<void> {
  const living = sessionsOf(caller);
  const server = startServer(argv, { env: caller.env, patience: 120_000 });
  const play = async () => {
    await server.reply();
    const scratch = (await server.command('open')).slice(3);
    await server.command(`copydown ${caller.work}/tree/ ${scratch}/tree/`);
    await server.command(`execute true /dev/null /dev/null /dev/null /`);
    await server.command(`copyup ${scratch}/tree/ ${caller.work}/back/`);
    if (kind.reverts) await server.command('revert');
    await server.command('quit');
  };
  await play().catch(() => {});
  server.endInput();
  const { signal } = await server.ended;
  expect(signal, server.stderr()).to.equal('SIGKILL');
  const ours = sessionsOf(caller).filter((name) => !living.includes(name));
  // An engine keeps its own until they are reaped.
  if (kind.containers) reapAs(caller);
  // podman 4 keeps the conmon of a command that came by its API for five minutes after its end.
  const named = () => namedAfter(ours).filter(({ command }) => !/conmon .*exec_pid/.test(command));
  const left = await untilNone(named, PATIENCE);
  const lines = left.map(({ command, state }) => `${state} ${command}`);
  expect(lines.join('\n'), 'processes').to.equal('');
}
