import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';

/** What the tests of the package `verdicts` read from their environment, and the options for it. */
export interface Inputs {
  options: string[];
  /** `NAME=VALUE`, in the environment of all that the tests start: see `processesWith`. */
  mark: string;
}

/** With blanks, a percent escape that is none, a comma and a plus sign. */
export const ODD_VALUE = 'a  b 100%25,c+d "e"';

/** Where things go on the testbed. */
export interface Places {
  /** The directory that `--copy` copies into. */
  copied: string;
  /** A file in it that was there before; `.` where there is none. */
  kept: string;
  /** The file that the setup command writes. */
  setUp: string;
}

/** Makes the directory to copy, in a directory of the caller's, and the harness' options. */
export function makeInputs(directory: string, { copied, kept, setUp }: Places): Inputs {
  const mark = `REGIME_MARK=${randomUUID()}`;
  const source = `${directory}/to-copy`;
  mkdirSync(`${source}/regime-copied/deep`, { recursive: true });
  writeFileSync(`${source}/regime-copied/deep/file`, 'copied\n');
  utimesSync(`${source}/regime-copied/deep/file`, 86400, 86400);
  writeFileSync(`${source}/regime-copied/program`, '#!/bin/sh\n', { mode: 0o755 });
  symlinkSync('deep/file', `${source}/regime-copied/link`);
  const setup = `id -u >${setUp}; echo "$AUTOPKGTEST_IS_SETUP_COMMAND" >>${setUp}; chmod 644 ${setUp}`;
  return {
    mark,
    options: [
      ...[`--copy=${source}:${copied}`, `--setup-commands=${setup}`],
      ...[`--env=REGIME_ODD=${ODD_VALUE}`, `--env=REGIME_SET_UP=${setUp}`],
      ...[`--env=REGIME_COPIED=${copied}`, `--env=REGIME_KEPT=${kept}`, `--env=${mark}`],
    ],
  };
}

/** A copy of a fixture package that another user can read, in a directory of the caller's. */
export function copyPackage(subject: string, directory: string): string {
  const target = `${directory}/package`;
  cpSync(subject, target, { recursive: true });
  return target;
}
