import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { cleanUpAfterTest } from '../support/clean-up.ts';

/** A control group of a test's own, as of a container or a unit in which a server may run. */
export interface ControlGroup {
  /** What to put before a command line so that it, and what it starts, is in there. */
  prefix: string[];
  /** Kills all that is in it, and in groups below it. */
  kill(): Promise<void>;
}

/** Where groups can be made: a hierarchy of version 1 in which testbeds have groups, or that of version 2. */
const HIERARCHIES = ['/sys/fs/cgroup/memory', '/sys/fs/cgroup'];

/** Makes a group that is gone after the test; undefined where this machine lets us make none. */
export function makeControlGroup(): ControlGroup | undefined {
  const hierarchy = HIERARCHIES.find((path) => existsSync(`${path}/cgroup.procs`));
  if (hierarchy === undefined) return undefined;
  const path = `${hierarchy}/regime-test-${process.pid}`;
  try {
    mkdirSync(path);
  } catch {
    return undefined;
  }
  const kill = async () => {
    // One that is being started while we look is found the next time.
    for (let pids = pidsIn(path); pids.length > 0; pids = pidsIn(path)) {
      for (const pid of pids) killIfThere(pid);
      await sleep(10);
    }
  };
  cleanUpAfterTest(async () => {
    await kill();
    for (const group of [...groupsBelow(path), path]) rmdirSync(group);
  });
  return { prefix: ['sh', '-c', 'echo $$ >"$0" && exec "$@"', `${path}/cgroup.procs`], kill };
}

/** The groups of all hierarchies that have a word in their name. */
export function controlGroupsNamed(word: string): string[] {
  return groupsBelow('/sys/fs/cgroup').filter((path) => path.includes(word));
}

/** The deepest first. */
function groupsBelow(path: string): string[] {
  const entries = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return entries.flatMap(({ name }) => [...groupsBelow(`${path}/${name}`), `${path}/${name}`]);
}

function pidsIn(path: string): number[] {
  return [...groupsBelow(path), path].flatMap((group) =>
    readFileSync(`${group}/cgroup.procs`, 'latin1').split('\n').filter(Boolean).map(Number),
  );
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
