import { resolve } from 'node:path';

import { textOf, type Bytes } from '../bytes.ts';
import type { OptionSpec } from '../regime.ts';
import { readDuration } from './duration.ts';
import type { ServerOptions } from './request.ts';
import { wrongValue, type GivenOption } from './words.ts';

/** The options that the server itself has, with every regime. */
export const serverOptions: readonly OptionSpec[] = [
  {
    name: 'capability',
    value: 'WORD',
    repeat: true,
    help:
      'Advertises WORD too. You vouch for it: nothing checks that it is true. ' +
      'Example: isolation-machine for a host that is itself a virtual machine to throw away.',
  },
  {
    name: 'dialect',
    value: 'classic|current',
    help:
      'How a copied directory meets one that is there: classic replaces it, current merges into it. ' +
      'Without this option the first command that only one generation of harness sends decides.',
  },
  {
    name: 'scratch-mode',
    value: 'MODE',
    help:
      'Permission bits of the scratch space, in octal. ' +
      'Harnesses before 5.48 want 1777 where they run tests as another user.',
  },
  {
    name: 'setup',
    value: 'COMMAND',
    repeat: true,
    help: 'Runs COMMAND with sh on the testbed after each open and revert. Where it fails, so does the step.',
  },
  {
    name: 'timeout-open',
    value: 'SECONDS',
    help: 'Gives up where open takes longer than this.',
  },
  {
    name: 'share',
    help:
      'Gives the commands of a session a directory for files that they pass to each other, in the ' +
      'variable REGIME_SESSION_SHARE. It outlives revert and reboot. See regime-session-share(7).',
  },
  {
    name: 'lease',
    value: 'DURATION',
    help:
      'Closes the testbed and ends where the caller of an open testbed has sent nothing for that long, ' +
      'as 90s, 5m or 1h30m, while no command of it was worked off. What the caller runs through the ' +
      'auxverb is not seen: the longest test has to fit in.',
  },
  {
    name: 'keep',
    value: 'never|on-failure|always',
    help:
      'When the testbed is left to you at the end of a session: never (the default), always, or where ' +
      'the session ends because something failed: a step of it, or its caller had gone. ' +
      'A lease that is over is no failure. ' +
      "'regime shell ID' gets in, 'regime reap ID' takes it away.",
  },
  {
    name: 'wait',
    value: 'DURATION',
    help:
      'How long open waits for another user of a testbed that only one may have (ssh, chroot --in-place), ' +
      'as 90s, 5m or 1h30m; 0 fails at once. Without this option as long as it takes. ' +
      'Who has it and since when is said on standard error.',
  },
  {
    name: 'state-dir',
    value: 'DIR',
    help: 'Keeps session records below DIR, not in the state directory of the user.',
  },
  {
    name: 'debug',
    short: 'd',
    help: 'Says on standard error what is done.',
  },
  {
    name: 'transcript',
    value: 'FILE',
    help:
      'Writes each line both ways to FILE, with the time, as JSON, for its owner only; adds to one ' +
      'that is there and that is yours. What looks like a secret is left out: values of variables ' +
      'and options with such names, credentials in URLs.',
  },
  {
    name: 'raw',
    help: 'Speaks the plain protocol on a terminal too, without a prompt.',
  },
  {
    name: 'debian-package-testing',
    help: 'Accepted for old callers: the classic dialect, unless --dialect says otherwise.',
  },
  {
    name: 'help',
    short: 'h',
    help: 'Shows the options and exits.',
  },
  {
    name: 'version',
    help: 'Shows the version and exits.',
  },
];

/**
 * What the server's options say.
 * @param given options that are all in `serverOptions`; of one that does not repeat the last counts
 * @throws UsageError that names the option
 */
export function readServerOptions(given: readonly GivenOption[]): ServerOptions {
  const options: ServerOptions = {
    capabilities: [],
    debug: false,
    raw: false,
    keep: 'never',
    setup: [],
    share: false,
  };
  for (const { name, value = '' } of given) {
    if (name === 'capability') options.capabilities.push(readCapability(value));
    else if (name === 'dialect') options.dialect = readDialect(value);
    else if (name === 'scratch-mode') options.scratchMode = readMode(value);
    else if (name === 'setup') options.setup.push(value);
    else if (name === 'timeout-open') options.timeoutOpen = readSeconds(value);
    else if (name === 'share') options.share = true;
    else if (name === 'keep') options.keep = readPolicy(value);
    else if (name === 'lease') options.lease = readLease(value);
    else if (name === 'wait') options.wait = readDuration(name, value);
    else if (name === 'state-dir') options.stateDir = readPath(name, value);
    else if (name === 'debug') options.debug = true;
    else if (name === 'transcript') options.transcript = readPath(name, value);
    else if (name === 'raw') options.raw = true;
  }
  if (given.some(({ name }) => name === 'debian-package-testing')) options.dialect ??= 'classic';
  return options;
}

function readCapability(value: Bytes): Bytes {
  if (/^[a-z][a-z0-9-]*(=[^\s]+)?$/.test(value)) return value;
  throw wrongValue('capability', value, 'a word of small letters, digits and dashes');
}

function readDialect(value: Bytes): 'classic' | 'current' {
  if (value === 'classic' || value === 'current') return value;
  throw wrongValue('dialect', value, 'classic or current');
}

function readPolicy(value: Bytes): ServerOptions['keep'] {
  if (value === 'never' || value === 'on-failure' || value === 'always') return value;
  throw wrongValue('keep', value, 'never, on-failure or always');
}

function readMode(value: Bytes): number {
  if (/^[0-7]{3,5}$/.test(value) && parseInt(value, 8) <= 0o7777) return parseInt(value, 8);
  throw wrongValue('scratch-mode', value, 'an octal mode, as 1777');
}

function readSeconds(value: Bytes): number {
  const seconds = Number(value);
  // More milliseconds than 31 bits hold would make a timer fire at once.
  if (/^[0-9]*\.?[0-9]+$/.test(value) && seconds > 0 && seconds < 2_000_000) {
    return Math.ceil(seconds * 1000);
  }
  throw wrongValue('timeout-open', value, 'a number of seconds above 0');
}

function readLease(value: Bytes): number {
  const lease = readDuration('lease', value);
  if (lease > 0) return lease;
  throw wrongValue('lease', value, 'a duration above 0');
}

function readPath(name: string, value: Bytes): string {
  if (value === '') throw wrongValue(name, value, 'a path');
  return resolve(textOf(value));
}
