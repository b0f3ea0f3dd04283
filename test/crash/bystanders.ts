import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

import { expect } from 'chai';

import { until } from '../regimes/support/until.ts';
import { cleanUpAfterFile } from '../support/clean-up.ts';
import { fileTempDir } from '../support/tempdir.ts';
import { serverOf } from './caller.ts';
import type { Ready } from './kinds.ts';
import { familyOf, mountsBelow, stillRunning, untilNone } from './processes.ts';

/** What no reap may touch. */
export interface Bystanders {
  /** Sees that they are still there, and nothing else. */
  check(): Promise<void>;
  end(): Promise<void>;
}

/** Starts a session that lives on, and mounts file systems of somebody else's. */
export async function startBystanders(
  { caller, args, bystander = args, footprint = () => [], containers = 0 }: Ready,
  patience: number,
): Promise<Bystanders> {
  const foreign = mountForeign();
  const server = serverOf(caller, bystander, { untilFileEnds: true, patience: 120_000 });
  expect(await server.reply()).to.equal('ok');
  expect(await server.command('open')).to.match(/^ok /);
  await until(() => !containers || footprint().length === containers, 'all stand by', patience);
  // Beside a server of containers runs only what still prepares the one that stands by.
  const family = familyOf(server.child.pid ?? 0).slice(0, containers ? 1 : undefined);
  const mounts = mountsBelow(caller.state).length;
  const there = footprint().sort().join('\n');
  return {
    async check() {
      expect(stillRunning(family), 'the living session').to.have.length(family.length);
      const reply = await server.command('execute true /dev/null /dev/null /dev/null /');
      expect(reply, 'the living session').to.equal('ok 0');
      expect(mountsBelow(foreign), 'foreign mounts').to.have.length(2);
      expect(mountsBelow(caller.state), 'mounts').to.have.length(mounts);
      // What has lost its connection takes a moment.
      const now = () => [footprint().sort().join('\n')].filter((found) => found !== there);
      expect(await untilNone(now, patience), `more than ${there}`).to.deep.equal([]);
    },
    async end() {
      expect(await server.command('quit')).to.equal('ok');
      await server.ended;
    },
  };
}

/** An overlay as somebody's containers may have it, on a tmpfs: one on another overlay is refused. */
function mountForeign(): string {
  const directory = `${fileTempDir()}/regime`;
  mkdirSync(directory);
  mount(['-t', 'tmpfs', 'regime', directory]);
  const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => `${directory}/${name}`);
  for (const path of [lower, upper, work, `${directory}/merged`]) mkdirSync(path ?? '');
  const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  mount(['-t', 'overlay', '-o', layers, 'regime', `${directory}/merged`]);
  return directory;
}

function mount(args: string[]): void {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
  expect(status, stderr).to.equal(0);
  cleanUpAfterFile(() => void spawnSync('umount', ['-l', args.at(-1) ?? '']));
}
