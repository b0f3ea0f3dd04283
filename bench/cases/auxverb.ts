import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

import type { Case, Measure } from '../case.ts';
import { debianTarball, debianTree, overlaySchroot } from '../fixtures.ts';
import { openSession } from '../session.ts';
import { timeUntilEnd } from '../stopwatch.ts';
import { plainUser, type PlainUser } from '../user.ts';
import type { Workshop } from '../workshop.ts';

const NAMESPACES = ['--mount', '--pid', '--ipc', '--uts', '--cgroup'];

/** Times `true` through the auxverb of a server whose testbed is opened here. */
async function timeAuxverb(
  workshop: Workshop,
  argv: readonly string[],
  user?: PlainUser,
): Promise<Measure> {
  const session = await openSession(workshop, user ? user.as(argv) : argv);
  const auxverb = await session.auxverb();
  const options = { env: workshop.env, ...(user && { as: user.as }) };
  return () => timeUntilEnd([...auxverb, 'true'], options);
}

/** Times the least that entering namespaces can cost: those of a process that does nothing. */
async function timeNsenter(workshop: Workshop): Promise<Measure> {
  // It ends with its input, and that with us.
  const cat = ['--fork', '--kill-child', `--root=${debianTree(workshop)}`, 'sh', '-c', 'echo; cat'];
  const child = spawn('unshare', [...NAMESPACES, ...cat], { stdio: ['pipe', 'pipe', 'inherit'] });
  workshop.afterCase(async () => {
    const ended = once(child, 'close');
    child.stdin.end();
    await ended;
  });
  await once(child.stdout, 'data');
  child.stdout.resume();
  const process = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
  const argv = ['nsenter', `--target=${process}`, ...NAMESPACES, '--root', '--wd', 'true'];
  return () => timeUntilEnd(argv, { env: workshop.env });
}

const shared = { unit: 'ms', rounds: 30 } as const;

export const auxverbCases: readonly Case[] = [
  {
    ...shared,
    name: 'auxverb true, chroot',
    against: 'nsenter true',
    target: { kind: 'at-most', times: 2 },
    async prepare(workshop) {
      const argv = workshop.ours('chroot', debianTree(workshop));
      return { ours: await timeAuxverb(workshop, argv), theirs: await timeNsenter(workshop) };
    },
  },
  {
    ...shared,
    name: 'auxverb true, chroot',
    against: 'virt-schroot, overlay',
    target: { kind: 'faster', times: 1 },
    async prepare(workshop) {
      const argv = workshop.ours('chroot', debianTree(workshop));
      const schroot = workshop.theirs('schroot', overlaySchroot(workshop));
      return {
        ours: await timeAuxverb(workshop, argv),
        theirs: await timeAuxverb(workshop, schroot),
      };
    },
  },
  {
    ...shared,
    name: 'auxverb true, tarball, plain user',
    against: 'virt-unshare',
    target: { kind: 'faster', times: 1 },
    async prepare(workshop) {
      const user = plainUser(workshop);
      const tarball = debianTarball(workshop);
      const unshare = workshop.theirs('unshare', '--tarball', tarball);
      return {
        ours: await timeAuxverb(workshop, user.ours('chroot', tarball), user),
        theirs: await timeAuxverb(workshop, unshare, user),
      };
    },
  },
];
