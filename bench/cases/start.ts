import type { Case } from '../case.ts';
import { debianTree } from '../fixtures.ts';
import { timeUntilEnd, timeUntilLine } from '../stopwatch.ts';
import type { Workshop } from '../workshop.ts';

function startCase(name: string, args: (workshop: Workshop) => string[]): Case {
  return {
    name,
    against: 'node -e 0',
    unit: 'ms',
    target: { kind: 'more', by: 20 },
    rounds: 20,
    prepare(workshop) {
      const { env } = workshop;
      const argv = workshop.ours(...args(workshop));
      return {
        ours: () => timeUntilLine(argv, { env }),
        theirs: () => timeUntilEnd([process.execPath, '-e', '0'], { env }),
      };
    },
  };
}

export const startCases: readonly Case[] = [
  startCase('start to ok, null', () => ['null']),
  startCase('start to ok, chroot', (workshop) => ['chroot', debianTree(workshop)]),
];
