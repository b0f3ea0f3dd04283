import type { OptionSpec } from '../regime.ts';
import type { Incumbent } from './incumbents.ts';

/** Options that the regime has too, under the same names. */
const SHARED: readonly OptionSpec[] = [
  { name: 'hostname', short: 'H', value: '[USER@]HOST', help: 'The host.' },
  { name: 'identity', short: 'i', value: 'FILE', help: 'A private key to log in with.' },
  { name: 'login', short: 'l', value: 'USER', help: 'The user to log in as.' },
  {
    name: 'password',
    short: 'P',
    value: 'PASSWORD',
    help: 'The password that sudo wants, or a file that holds it.',
  },
  { name: 'port', short: 'p', value: 'PORT', help: 'The port of the ssh server.' },
  { name: 'options', short: 'o', value: 'OPTIONS', help: 'Options as for ssh(1).' },
  { name: 'reboot', short: 'r', help: 'The host can be rebooted.' },
  {
    name: 'capability',
    value: 'CAPABILITY',
    repeat: true,
    help: 'The host has this capability.',
  },
  {
    name: 'setup-script',
    short: 's',
    value: 'SCRIPT',
    help: 'A program that makes the host. The operands are arguments for it.',
  },
  { name: 'timeout-ssh', value: 'SECONDS', help: 'How long the host may take to answer.' },
];

/** The server for machines behind ssh. It trusts each host; we, each that has not changed its key. */
export function sshServer(debug: OptionSpec): Incumbent {
  return {
    name: 'ssh',
    operands: [],
    passesArguments: true,
    options: [debug, ...SHARED],
    translate: ({ operands, flag, values }) => [
      'ssh',
      '--host-key=accept-new',
      ...SHARED.flatMap(({ name, value, repeat }) => {
        if (value === undefined) return flag(name) ? [`--${name}`] : [];
        return (repeat ? values(name) : values(name).slice(-1)).map((word) => `--${name}=${word}`);
      }),
      '--',
      // Without a script it has no use for them.
      ...(values('setup-script').length > 0 ? operands : []),
    ],
  };
}
