import type { OptionSpec } from '../../src/regime.ts';

/** What may be asked of the testbed: capabilities that a regime knows of its testbed by itself. */
export const NEEDS = [
  'revert',
  'revert-full-system',
  'isolation-container',
  'isolation-machine',
] as const;

export type Need = (typeof NEEDS)[number];

/** What the command line of the auto regime takes; `--help` and the manual page are made from it. */
export const autoOptions: readonly OptionSpec[] = [
  {
    name: 'need',
    value: NEEDS.join('|'),
    repeat: true,
    help: 'Takes no regime whose testbed has not that capability: open then fails where none has.',
  },
];
