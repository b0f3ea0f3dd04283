import type { Case } from '../case.ts';
import { auxverbCases } from './auxverb.ts';
import { chrootCases } from './chroot.ts';
import { copyCases } from './copy.ts';
import { dockerCases } from './docker.ts';
import { memoryCases } from './memory.ts';
import { sshCases } from './ssh.ts';
import { startCases } from './start.ts';
import { tarballCases } from './tarball.ts';

/** The rows of the table, from top to bottom. */
export const cases: readonly Case[] = [
  ...startCases,
  ...chrootCases,
  ...tarballCases,
  ...auxverbCases,
  ...copyCases,
  ...dockerCases,
  ...sshCases,
  ...memoryCases,
];
