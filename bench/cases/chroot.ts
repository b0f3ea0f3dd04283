import { setTimeout as sleep } from 'node:timers/promises';

import type { Case, Measure, Target } from '../case.ts';
import { debianTree, overlaySchroot } from '../fixtures.ts';
import { openSession, type Session } from '../session.ts';
import type { Workshop } from '../workshop.ts';
import { openBoth, timeOpens, type BothArgv } from './both.ts';

const LITTLE = 'echo changed >/etc/motd';
const MUCH =
  "mkdir /var/much; exec perl -e 'for (1 .. 20000) {" +
  ' open(my $file, ">", "/var/much/$_") or die $!; print $file "x" x 1000 }\'';

const AGAINST = 'virt-schroot, overlay';
const FASTER: Target = { kind: 'faster', times: 10 };

/** Milliseconds in which a revert's old layer is removed in the background, by us and by nobody else. */
const SETTLE = 1000;

/** Changes the testbed, untimed, and reverts it. */
function revertAfter(session: Session, change: string, settle: number): Measure {
  return async () => {
    await session.run(change);
    await sleep(settle);
    return session.time('revert');
  };
}

function revertCase(what: string, change: string): Case {
  return {
    name: `chroot revert, ${what}`,
    against: AGAINST,
    unit: 'ms',
    target: FASTER,
    rounds: 3,
    async prepare(workshop) {
      const { ours, theirs } = await openBoth(workshop, bothArgv(workshop));
      return { ours: revertAfter(ours, change, 0), theirs: revertAfter(theirs, change, 0) };
    },
  };
}

/** Both servers on one tree, each as its users have it. */
function bothArgv(workshop: Workshop): BothArgv {
  const schroot = overlaySchroot(workshop);
  return {
    ours: workshop.ours('chroot', debianTree(workshop)),
    theirs: workshop.theirs('schroot', schroot),
  };
}

export const chrootCases: readonly Case[] = [
  {
    name: 'chroot open',
    against: AGAINST,
    unit: 'ms',
    target: { kind: 'faster', times: 5 },
    rounds: 10,
    prepare: (workshop) => timeOpens(workshop, bothArgv(workshop)),
  },
  revertCase('little changed', LITTLE),
  revertCase('20,000 files changed', MUCH),
  revertCase('/usr removed', 'rm -rf /usr'),
  {
    name: 'chroot revert, 20,000 files changed',
    against: 'ours, little changed',
    unit: 'ms',
    // The same, however much was changed; the rest is what figures vary by.
    target: { kind: 'at-most', times: 1.25 },
    rounds: 5,
    async prepare(workshop) {
      const argv = workshop.ours('chroot', debianTree(workshop));
      const session = await openSession(workshop, argv);
      return {
        ours: revertAfter(session, MUCH, SETTLE),
        theirs: revertAfter(session, LITTLE, SETTLE),
      };
    },
  },
];
