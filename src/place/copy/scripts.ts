import type { Argv } from '../../bytes.ts';
import type { Place } from '../place.ts';
import { readScript } from '../script.ts';

/** The shell's part of a copy: each is a file `copy-….sh` beside this one. */
type CopyScript =
  | 'copy-directory-down'
  | 'copy-directory-up'
  | 'copy-file-down'
  | 'copy-file-up'
  | 'copy-commit'
  | 'copy-settle';

/** The argv that runs a script of ours with the functions that they share. */
export function scriptArgv({ standIn }: Place, name: CopyScript, ...words: Argv): Argv {
  if (standIn !== undefined) return [standIn, name, ...words];
  const [library, script] = ['copy-library', name].map((file) =>
    readScript(`${file}.sh`, import.meta.url),
  );
  return ['sh', '-c', `${library}${script}`, 'sh', ...words];
}

/** Exit statuses by which the scripts say more than that they failed. */
export const STATUS = {
  /** A refusal of ours; the last line on stderr says why. */
  refused: 90,
  /** There is no tar. */
  noTar: 96,
  /** The tar there is not of the kind that the other end writes for. */
  otherTar: 97,
} as const;
