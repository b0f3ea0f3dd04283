import { join } from 'node:path';

import type { Case, Measure } from '../case.ts';
import { debianTree, ownTree } from '../fixtures.ts';
import { openSession, type Session } from '../session.ts';
import { manyFiles, oneFile, type Source } from '../sources.ts';
import { run, type Workshop } from '../workshop.ts';

const FILES = 20_000;
const GIBIBYTE = 2 ** 30;

/** Into a fresh name each time. What was written before is on the disk by then, or gone. */
export function timeDown(session: Session, { path, slash }: Source): Measure {
  return async (round) => {
    const target = `${session.scratch}/down-${round}`;
    run(['sync']);
    const milliseconds = await session.time('copydown', path + slash, target + slash);
    await session.run(`rm -rf ${target}`);
    return milliseconds;
  };
}

/** The same from the testbed, into names on the host that begin with `host`. */
export async function timeUp(session: Session, source: Source, host: string): Promise<Measure> {
  const { path, slash } = source;
  const origin = `${session.scratch}/up`;
  await session.time('copydown', path + slash, origin + slash);
  return async (round) => {
    const target = `${host}-${round}`;
    run(['sync']);
    const milliseconds = await session.time('copyup', origin + slash, target + slash);
    run(['rm', '-rf', target]);
    return milliseconds;
  };
}

function copyCase(
  command: 'copydown' | 'copyup',
  what: string,
  makeSource: (workshop: Workshop) => Source,
): Case {
  return {
    name: `${command}, ${what}`,
    against: 'virt-chroot',
    unit: 'ms',
    target: { kind: 'at-most', times: 1 },
    rounds: 3,
    async prepare(workshop) {
      const chroot = workshop.theirs('chroot', ownTree(workshop));
      const source = makeSource(workshop);
      const ours = await openSession(workshop, workshop.ours('chroot', debianTree(workshop)));
      const theirs = await openSession(workshop, chroot);
      if (command === 'copydown') {
        return { ours: timeDown(ours, source), theirs: timeDown(theirs, source) };
      }
      return {
        ours: await timeUp(ours, source, join(workshop.directory, 'up-ours')),
        theirs: await timeUp(theirs, source, join(workshop.directory, 'up-theirs')),
      };
    },
  };
}

export const copyCases: readonly Case[] = [
  copyCase('copydown', '20,000 files of 2 KiB', (workshop) => manyFiles(workshop, FILES)),
  copyCase('copyup', '20,000 files of 2 KiB', (workshop) => manyFiles(workshop, FILES)),
  copyCase('copydown', 'one file of 1 GiB', (workshop) => oneFile(workshop, GIBIBYTE)),
  copyCase('copyup', 'one file of 1 GiB', (workshop) => oneFile(workshop, GIBIBYTE)),
];
