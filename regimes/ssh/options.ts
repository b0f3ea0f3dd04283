import type { OptionSpec } from '../../src/regime.ts';

/** What the command line of the ssh regime takes; the manual page is made from it. */
export const sshOptions: readonly OptionSpec[] = [
  {
    name: 'hostname',
    short: 'H',
    value: '[USER@]HOST',
    help: 'The host, in place of the operand; with a setup script, in place of what that says.',
  },
  { name: 'login', short: 'l', value: 'USER', help: 'The user to log in as.' },
  { name: 'port', short: 'p', value: 'PORT', help: 'The port of the ssh server.' },
  {
    name: 'identity',
    short: 'i',
    value: 'FILE',
    repeat: true,
    help: 'A private key to log in with; it is tried before all others.',
  },
  {
    name: 'password',
    short: 'P',
    value: 'FILE',
    help:
      'A file with the password of the user there, for the login where no key is taken, and for sudo. ' +
      'What is no file and has no slash in it is the password itself, which everybody on this host can ' +
      'read in the list of processes.',
  },
  {
    name: 'options',
    short: 'o',
    value: 'KEYWORD=VALUE',
    repeat: true,
    help:
      'A keyword of ssh_config(5), of those that are listed below; others are refused. Options of ' +
      'ssh(1) in one word, as "-o KEYWORD=VALUE -p 2222", are understood too.',
  },
  {
    name: 'config',
    short: 'F',
    value: 'FILE',
    help: "Reads FILE in place of the user's and the system's ssh_config(5); none reads no file.",
  },
  {
    name: 'host-key',
    value: 'strict|accept-new',
    help:
      'What is done with a host whose key is not known: it is refused (strict), or its key is added to ' +
      'the known ones (accept-new). Without it StrictHostKeyChecking says so, and that is strict by ' +
      'default. A key that has changed is always refused.',
  },
  {
    name: 'reboot',
    short: 'r',
    help: 'The host can be rebooted: advertises reboot.',
  },
  {
    name: 'setup-script',
    short: 's',
    value: 'SCRIPT',
    help:
      'A program that makes the host and says how to log in to it. The operands are arguments for it. ' +
      'A name without a slash is looked for where autopkgtest has its scripts, too.',
  },
  {
    name: 'revert-command',
    value: 'COMMAND',
    help:
      'A shell command that is run on this host to put the remote one back to what it was, as to a ' +
      'snapshot: advertises revert.',
  },
  {
    name: 'timeout-ssh',
    value: 'SECONDS',
    help:
      'How long is waited for a host to answer that was just made, reverted or rebooted. 300 by ' +
      'default. Where it is given, the first connection is waited for as long too.',
  },
];
