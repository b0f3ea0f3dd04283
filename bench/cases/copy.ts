import type { Case } from '../case.ts';
import { debianTree, ownTree } from '../fixtures.ts';
import { manyFiles, oneFile, type Source } from '../sources.ts';
import type { Workshop } from '../workshop.ts';
import { openBoth, timeCopies } from './both.ts';

const FILES = 20_000;
const GIBIBYTE = 2 ** 30;

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
      const ours = workshop.ours('chroot', debianTree(workshop));
      const both = await openBoth(workshop, { ours, theirs: chroot });
      return timeCopies(workshop, command, source, both);
    },
  };
}

export const copyCases: readonly Case[] = [
  copyCase('copydown', '20,000 files of 2 KiB', (workshop) => manyFiles(workshop, FILES)),
  copyCase('copyup', '20,000 files of 2 KiB', (workshop) => manyFiles(workshop, FILES)),
  copyCase('copydown', 'one file of 1 GiB', (workshop) => oneFile(workshop, GIBIBYTE)),
  copyCase('copyup', 'one file of 1 GiB', (workshop) => oneFile(workshop, GIBIBYTE)),
];
