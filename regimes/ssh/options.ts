import type { OptionSpec } from '../../src/regime.ts';

/** What `regime ssh` takes. */
export const sshOptions: readonly OptionSpec[] = [
  { name: 'port', short: 'p', value: 'PORT', help: 'The port of the ssh server.' },
  {
    name: 'identity',
    short: 'i',
    value: 'FILE',
    repeat: true,
    help: 'A file with a private key to log in with.',
  },
  {
    name: 'password',
    short: 'P',
    value: 'FILE',
    help: 'A file that holds the password for sudo.',
  },
  {
    name: 'known-hosts',
    value: 'FILE',
    help: "A file with the keys of hosts, instead of the user's known_hosts.",
  },
];
