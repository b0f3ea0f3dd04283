import type { Case } from './case.ts';
import { auxverbCases } from './cases/auxverb.ts';
import { auxverbEndingCases } from './cases/auxverb-ending.ts';
import { capabilityCases } from './cases/capabilities.ts';
import { copyDirectoryCases } from './cases/copy-directories.ts';
import { copyFileCases } from './cases/copy-files.ts';
import { copyMeetingCases } from './cases/copy-meeting.ts';
import { copySafetyCases } from './cases/copy-safety.ts';
import { dialectCases } from './cases/dialect.ts';
import { endingCases } from './cases/endings.ts';
import { environmentCases } from './cases/environment.ts';
import { executeCases } from './cases/execute.ts';
import { hostileNameCases } from './cases/hostile-names.ts';
import { miscellaneousCases } from './cases/shell-debug.ts';
import { rebootCases } from './cases/reboot.ts';
import { revertCases } from './cases/revert.ts';
import { scratchCases } from './cases/scratch.ts';
import { stateCases } from './cases/states.ts';
import { transportCases } from './cases/transport.ts';

/** All cases, in the order of the manual page. */
export const suite: readonly Case[] = [
  ...transportCases,
  ...stateCases,
  ...dialectCases,
  ...revertCases,
  ...rebootCases,
  ...executeCases,
  ...miscellaneousCases,
  ...capabilityCases,
  ...scratchCases,
  ...auxverbCases,
  ...auxverbEndingCases,
  ...environmentCases,
  ...copyDirectoryCases,
  ...copyMeetingCases,
  ...copyFileCases,
  ...copySafetyCases,
  ...hostileNameCases,
  ...endingCases,
];
