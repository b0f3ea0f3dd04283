import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import type { Case, Measure } from '../case.ts';
import { openSession, startSession } from '../session.ts';
import { manyFiles, oneFile, type Source } from '../sources.ts';
import { startSshd } from '../sshd.ts';
import { timeUntilEnd } from '../stopwatch.ts';
import type { Workshop } from '../workshop.ts';
import {
  openAndClose,
  openBoth,
  timeCopies,
  timeOpens,
  type BothArgv,
  type BothOpen,
} from './both.ts';

const MEBIBYTE = 2 ** 20;

const common = { against: 'virt-ssh', unit: 'ms' } as const;

/** Our server, as root on the ssh server of the benchmark. */
function ourArgv(workshop: Workshop, ...inside: string[]): string[] {
  const { host, port, identity, knownHosts } = startSshd(workshop);
  const known = [`--options=UserKnownHostsFile=${knownHosts}`, '--options=IdentitiesOnly=yes'];
  const how = [`--identity=${identity}`, `--port=${port}`, ...known];
  return workshop.ours('ssh', ...how, `root@${host}`, ...inside);
}

function bothArgv(workshop: Workshop): BothArgv {
  const { host, port, identity } = startSshd(workshop);
  const theirs = ['-H', host, '-p', port, '-l', 'root', '-i', identity];
  return { ours: ourArgv(workshop), theirs: workshop.theirs('ssh', ...theirs) };
}

function bothOpen(workshop: Workshop): Promise<BothOpen> {
  return openBoth(workshop, bothArgv(workshop));
}

/** Sends a file through `cat` on the testbed, and back. */
function thereAndBack(workshop: Workshop, auxverb: readonly string[], file: string): Measure {
  const script = '"$@" cat <"$0" | cmp - "$0"';
  return () => timeUntilEnd(['sh', '-c', script, file, ...auxverb], { env: workshop.env });
}

function copyCase(
  command: 'copydown' | 'copyup',
  what: string,
  makeSource: (workshop: Workshop) => Source,
): Case {
  return {
    ...common,
    name: `ssh ${command}, ${what}`,
    target: { kind: 'faster', times: 1.5 },
    rounds: 3,
    async prepare(workshop) {
      const source = makeSource(workshop);
      // The far side is this machine: its end is in the directory of the benchmark too.
      const far = join(workshop.directory, `far-${what.replace(/\W+/g, '-')}`);
      return timeCopies(workshop, command, source, await bothOpen(workshop), far);
    },
  };
}

const hasPerl = spawnSync('perl', ['-e', '0']).status === 0;

export const sshCases: readonly Case[] = [
  {
    ...common,
    name: 'auxverb true, ssh',
    rounds: 20,
    target: { kind: 'faster', times: hasPerl ? 2 : 1 },
    async prepare(workshop) {
      const { ours, theirs } = await bothOpen(workshop);
      const [mine, other] = [await ours.auxverb(), await theirs.auxverb()];
      const options = { env: workshop.env };
      return {
        ours: () => timeUntilEnd([...mine, 'true'], options),
        theirs: () => timeUntilEnd([...other, 'true'], options),
      };
    },
  },
  {
    ...common,
    name: 'ssh, 32 MiB through the auxverb and back',
    rounds: 5,
    target: { kind: 'at-most', times: 1 },
    async prepare(workshop) {
      const { path } = oneFile(workshop, 32 * MEBIBYTE);
      const { ours, theirs } = await bothOpen(workshop);
      return {
        ours: thereAndBack(workshop, await ours.auxverb(), path),
        theirs: thereAndBack(workshop, await theirs.auxverb(), path),
      };
    },
  },
  copyCase('copydown', '2,000 files of 2 KiB', (workshop) => manyFiles(workshop, 2000)),
  copyCase('copyup', '2,000 files of 2 KiB', (workshop) => manyFiles(workshop, 2000)),
  copyCase('copydown', 'one file of 256 MiB', (workshop) => oneFile(workshop, 256 * MEBIBYTE)),
  copyCase('copyup', 'one file of 256 MiB', (workshop) => oneFile(workshop, 256 * MEBIBYTE)),
  {
    ...common,
    name: 'ssh open',
    rounds: 5,
    target: { kind: 'at-most', times: 1 },
    prepare: (workshop) => timeOpens(workshop, bothArgv(workshop)),
  },
  {
    ...common,
    name: 'ssh + chroot /, revert',
    // The incumbent has none: its quickest way back to the start is to open anew.
    against: 'virt-ssh, open',
    rounds: 5,
    target: { kind: 'below', value: 100 },
    async prepare(workshop) {
      const session = await openSession(workshop, ourArgv(workshop, '+', 'chroot', '/'));
      const { theirs } = bothArgv(workshop);
      return {
        async ours() {
          await session.run('echo changed >/etc/motd');
          return session.time('revert');
        },
        theirs: openAndClose(await startSession(workshop, theirs)),
      };
    },
  },
];
