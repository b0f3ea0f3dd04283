import type { Case } from '../case.ts';
import { debianTarball } from '../fixtures.ts';
import { openSession } from '../session.ts';
import { plainUser } from '../user.ts';

export const tarballCases: readonly Case[] = [
  {
    name: 'tarball revert, plain user',
    against: 'virt-unshare',
    unit: 'ms',
    target: { kind: 'faster', times: 50 },
    rounds: 3,
    async prepare(workshop) {
      const user = plainUser(workshop);
      const tarball = debianTarball(workshop);
      const unshare = workshop.theirs('unshare', '--tarball', tarball);
      const ours = await openSession(workshop, user.as(user.ours('chroot', tarball)));
      const theirs = await openSession(workshop, user.as(unshare));
      return { ours: () => ours.time('revert'), theirs: () => theirs.time('revert') };
    },
  },
];
