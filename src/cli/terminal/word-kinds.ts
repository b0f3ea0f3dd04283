/** What a word of a command at the prompt may be. */
export type WordKind = 'host' | 'testbed' | 'topic' | 'mode';

/** What the words after a command are: names on the host and on the testbed, subjects of help, modes. */
export const WORD_KINDS: Readonly<Record<string, readonly WordKind[]>> = {
  copydown: ['host', 'testbed'],
  copyup: ['testbed', 'host'],
  shell: ['testbed'],
  execute: ['testbed', 'testbed', 'testbed', 'testbed', 'testbed'],
  help: ['topic'],
  reboot: ['mode'],
};
