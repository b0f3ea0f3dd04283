import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { bytesOf, textOf, type Argv, type Bytes } from '../bytes.ts';
import { UsageError } from '../errors.ts';
import type { OptionSpec } from '../regime.ts';
import { CommandLineError, escapePart } from './command-line.ts';
import { parseIncumbentWords, type IncumbentWords } from './incumbent-words.ts';
import { sshServer } from './incumbent-ssh.ts';
import { renderIncumbentHelp } from './help.ts';

/** A server of autopkgtest's that we stand in for, with the options that it has. */
export interface Incumbent {
  readonly name: string;
  /** How many operands it takes, and what they are. */
  readonly operands: readonly string[];
  readonly options: readonly OptionSpec[];
  /** True where all after the operands is for another program. */
  readonly passesArguments?: boolean;
  /** The same wish in words of ours: a regime, its options, its operands. */
  translate(given: IncumbentWords): Argv;
}

const debug: OptionSpec = {
  name: 'debug',
  short: 'd',
  help: 'Says on standard error what is done.',
};

const nullServer: Incumbent = {
  name: 'null',
  operands: [],
  options: [debug],
  translate: () => ['null'],
};

const chrootServer: Incumbent = {
  name: 'chroot',
  operands: ['DIR'],
  options: [
    {
      name: 'gain-root',
      short: 'r',
      value: 'COMMAND',
      help: 'Becomes root by putting COMMAND before commands.',
    },
    debug,
  ],
  translate: ({ operands, value }) => {
    const gainRoot = value('gain-root');
    return ['chroot', ...(gainRoot ? [`--gain-root=${gainRoot}`] : []), '--', ...operands];
  },
};

const unshareServer: Incumbent = {
  name: 'unshare',
  operands: [],
  options: [
    {
      name: 'arch',
      short: 'a',
      value: 'ARCH',
      help: 'Debian architecture of the tarball to look for. Any, by default.',
    },
    {
      name: 'bind',
      short: 'b',
      value: 'OUTSIDE INSIDE',
      repeat: true,
      help: 'Shows the directory OUTSIDE of the host as INSIDE.',
    },
    debug,
    {
      name: 'prefix',
      short: 'p',
      value: 'PREFIX',
      help: 'Accepted; nothing is unpacked under a name of its own.',
    },
    {
      name: 'release',
      short: 'r',
      value: 'RELEASE',
      help: 'Release of the tarball to look for. Any, by default.',
    },
    {
      name: 'tarball',
      short: 't',
      value: 'TARBALL',
      help: 'The root file system. By default the first RELEASE-ARCH.t* in the cache of sbuild.',
    },
    {
      name: 'unpack-dir',
      short: 'u',
      value: 'DIR',
      help: 'Refused: tarballs are unpacked once, into a cache.',
    },
  ],
  translate: ({ value, values }) => {
    if (value('unpack-dir') !== undefined) {
      throw new UsageError(
        'option --unpack-dir is not supported: tarballs are unpacked once, into a cache (see regime-chroot(1))',
      );
    }
    if (value('prefix')?.includes('/')) {
      throw new UsageError(
        'option --prefix with a directory is not supported: tarballs are unpacked once, into a cache (see regime-chroot(1))',
      );
    }
    const tarball = value('tarball') ?? findTarball(value('release') ?? '*', value('arch') ?? '*');
    return ['chroot', ...bindOptions(values('bind')), '--', tarball];
  },
};

/** The two servers are one program: its name says which engine is meant. */
function containerServer(name: 'docker' | 'podman'): Incumbent {
  return {
    name,
    operands: ['IMAGE'],
    passesArguments: true,
    options: [
      { name: 'docker', help: "Uses Docker's engine." },
      { name: 'podman', help: "Uses podman's service." },
      { name: 'init', help: "Boots the image's init." },
      debug,
      {
        name: 'sudo',
        short: 's',
        help: "Reaches the engine's socket by sudo, which must not ask for a password.",
      },
      { name: 'pull', short: 'p', help: 'Pulls the image before it is used.' },
      {
        name: 'remote',
        help: 'Says that the engine is on another machine: nothing is shared with it.',
      },
      {
        name: 'shared-dir',
        value: 'DIR',
        help: 'Shares a directory in DIR with the container. Without this option nothing is shared.',
      },
    ],
    translate: ({ operands, flag, value }) => {
      const engine = flag('podman') ? 'podman' : flag('docker') ? 'docker' : name;
      const switches = ['pull', 'init', 'remote', 'sudo']
        .filter(flag)
        .map((option) => `--${option}`);
      const shared = value('shared-dir');
      return [engine, ...switches, ...(shared ? [`--shared-dir=${shared}`] : []), ...operands];
    },
  };
}

/** All that can be called through a link `autopkgtest-virt-NAME` with the options it always had. */
export const incumbents: readonly Incumbent[] = [
  nullServer,
  chrootServer,
  unshareServer,
  containerServer('docker'),
  containerServer('podman'),
  sshServer(debug),
];

/** Names of incumbents whose options mean nothing to the regimes that there are. */
const strangers = new Map([
  ['schroot', 'name the directory or tarball of the schroot: regime chroot DIR'],
  ['lxc', 'there is no lxc regime'],
  ['lxd', 'there is no lxd regime'],
  ['qemu', 'there is no qemu regime'],
]);

/** What a link to this program was called with: words for `readCommandLine`, or a help text. */
export type IncumbentWish = { kind: 'words'; words: Argv } | { kind: 'help'; text: string };

/**
 * Reads the words of a call through a link `autopkgtest-virt-NAME` as that server would, and says
 * the same in words of ours. Where autopkgtest has no server of that name, the words are ours
 * already and NAME is the regime.
 * @throws CommandLineError for words that the server would refuse, and what we can't honour
 */
export function readIncumbentWords(name: string, words: Argv): IncumbentWish {
  const program = `autopkgtest-virt-${name}`;
  const reason = strangers.get(name);
  if (reason !== undefined) {
    throw new CommandLineError(`cannot stand in for ${program}: ${reason}`, 'regime --help');
  }
  const incumbent = incumbents.find((candidate) => candidate.name === name);
  if (!incumbent) return { kind: 'words', words: [bytesOf(name), ...words] };
  try {
    const given = parseIncumbentWords(words, incumbent.options, incumbent.passesArguments);
    if (given.help) return { kind: 'help', text: renderIncumbentHelp(program, incumbent) };
    checkOperands(given.operands, incumbent);
    const [regime = '', ...rest] = escapePart(incumbent.translate(given));
    return { kind: 'words', words: [regime, ...(given.flag('debug') ? ['--debug'] : []), ...rest] };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new CommandLineError(`${program}: ${error.message}`, `${program} --help`);
  }
}

function checkOperands(given: Argv, { operands, passesArguments }: Incumbent): void {
  const missing = operands[given.length];
  if (missing !== undefined) throw new UsageError(`an operand ${missing} is wanted`);
  const extra = passesArguments ? undefined : given[operands.length];
  if (extra !== undefined) throw new UsageError(`there is one operand too many: ${textOf(extra)}`);
}

/** `OUTSIDE INSIDE` pairs as our `--bind OUTSIDE:INSIDE`, checked as the incumbent checks them. */
function bindOptions(pairs: Argv): Argv {
  const options: Bytes[] = [];
  for (let n = 0; n + 1 < pairs.length; n += 2) {
    const [outside = '', inside = ''] = pairs.slice(n, n + 2);
    if (!inside.startsWith('/')) {
      throw new UsageError(`option --bind: ${textOf(inside)} is no absolute path`);
    }
    if (outside.includes(':') || inside.includes(':')) {
      throw new UsageError(`option --bind: a path with a colon is not supported`);
    }
    options.push(`--bind=${outside}:${inside}`);
  }
  return options;
}

/**
 * The first tarball by name where sbuild keeps them. The incumbent means to look in
 * `$XDG_CACHE_HOME/sbuild` too but joins it to `/sbuild`.
 */
function findTarball(release: Bytes, arch: Bytes): Bytes {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'sbuild');
  const pattern = globPattern(`${release}-${arch}.t*`);
  const names = existsSync(cache) ? readdirSync(cache, 'latin1') : [];
  const name = names.filter((candidate) => pattern.test(candidate)).sort()[0];
  if (name !== undefined) return `${bytesOf(cache)}/${name}`;
  throw new UsageError(
    `there is no tarball ${textOf(release)}-${textOf(arch)}.t* in ${cache}: name one with --tarball`,
  );
}

function globPattern(glob: Bytes): RegExp {
  const source = glob
    .replace(/[\\^$.+|()[\]{}]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`, 's');
}
