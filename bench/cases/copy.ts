import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import type { Case, Measure } from '../case.ts';
import { debianTree, ownTree } from '../fixtures.ts';
import { openSession, type Session } from '../session.ts';
import { run, type Workshop } from '../workshop.ts';

const FILES = 20_000;
const FILES_PER_DIRECTORY = 100;
const FILE_SIZE = 2048;
const GIBIBYTE = 2 ** 30;

/** What is copied: a path without the `/` that tells directories, and that. */
interface Source {
  path: string;
  slash: '' | '/';
}

function smallFiles(workshop: Workshop): Source {
  return workshop.shared('small files', () => {
    const path = join(workshop.directory, 'small');
    const content = randomBytes(FILE_SIZE);
    for (let index = 0; index < FILES; index++) {
      const directory = join(path, String(Math.floor(index / FILES_PER_DIRECTORY)));
      if (index % FILES_PER_DIRECTORY === 0) mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, `file-${index}`), content);
    }
    return { path, slash: '/' };
  });
}

/** No holes in it, which either side might skip. */
function largeFile(workshop: Workshop): Source {
  return workshop.shared('large file', () => {
    const path = join(workshop.directory, 'large');
    const content = randomBytes(2 ** 24);
    const file = openSync(path, 'wx');
    for (let size = 0; size < GIBIBYTE; size += content.length) writeSync(file, content);
    closeSync(file);
    return { path, slash: '' };
  });
}

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
  copyCase('copydown', '20,000 files of 2 KiB', smallFiles),
  copyCase('copyup', '20,000 files of 2 KiB', smallFiles),
  copyCase('copydown', 'one file of 1 GiB', largeFile),
  copyCase('copyup', 'one file of 1 GiB', largeFile),
];
