import { textOf, type Argv, type Bytes } from '../../src/bytes.ts';
import { localPlace } from '../../src/place/local.ts';
import { describeEnding, type Place } from '../../src/place/place.ts';
import { quoteArgv } from '../../src/place/quote.ts';
import { readScript } from '../../src/place/script.ts';
import type { Address } from './address.ts';
import type { Dialler, Line, Trouble } from './line.ts';

/** Bytes of what a command says that are kept. */
const KEPT = 4096;

/**
 * How many lines may be on their way: ten that have not logged in yet are what an sshd lets be by
 * default (MaxStartups), and some are kept ahead.
 */
const PATIENCE = 6;

/** Reaches the engine of another Place, by a command there that joins its stdio with the socket. */
export function placeDialler(address: Address, place: Place): Dialler {
  return commandDialler(place, joinCommand(address, address.url));
}

/**
 * Reaches an engine at an `ssh://` address as the docker command does (docker's cli/connhelper): by
 * ssh(1) with all of its configuration, and a command there. It asks no questions, and it hears when
 * the peer is gone.
 */
export function sshDialler(address: Address): Dialler {
  const { url, identity } = address;
  const { username, hostname, port, pathname } = new URL(url);
  const path = decodeURIComponent(pathname);
  const command = joinCommand(address, path === '' ? '' : `unix://${path}`);
  const options = ['BatchMode=yes', 'ConnectTimeout=20', 'ServerAliveInterval=5'];
  return commandDialler(localPlace, [
    'ssh',
    ...options.flatMap((option) => ['-o', option]),
    '-T',
    ...(username === '' ? [] : ['-l', decodeURIComponent(username)]),
    ...(port === '' ? [] : ['-p', port]),
    ...(identity === undefined ? [] : ['-i', identity]),
    '--',
    hostname.replace(/^\[(.*)\]$/, '$1'),
    quoteArgv(command),
  ]);
}

/** The command that joins its stdio with an engine's socket. */
function joinCommand({ engine, sudo }: Address, url: string): Argv {
  const lines = readScript('dial.sh', import.meta.url).split('\n');
  const script = lines.filter((line) => line !== '' && !line.startsWith('#')).join('; ');
  const program = Buffer.from(readScript('dial.pl', import.meta.url), 'latin1').toString('hex');
  return ['sh', '-c', script, 'sh', engine, url, program, sudo ? 'sudo -n' : ''];
}

function commandDialler(place: Place, argv: Argv): Dialler {
  return {
    patience: PATIENCE,
    dial(): Line {
      const running = place.spawn(argv, { stdio: ['pipe', 'pipe', 'pipe'] });
      const { stdin, stdout, stderr } = running;
      if (!stdin || !stdout || !stderr) throw new Error('spawn made no pipes');
      let words: Bytes = '';
      stderr.on('data', (chunk: Buffer) => {
        words = (words + chunk.toString('latin1')).slice(-KEPT);
      });
      const over = running.ended.then(
        (ending) =>
          'status' in ending && ending.status === 0
            ? undefined
            : explain(describeEnding(ending), words),
        (cause: unknown) => explain(String(cause), words),
      );
      const destroy = () => {
        running.kill('SIGTERM');
        // What sudo runs may not be killed by its user: it ends when nobody listens any more.
        running.release?.();
      };
      return { input: stdin, output: stdout, over, destroy };
    },
    close() {},
  };
}

function explain(status: string, output: Bytes): Trouble {
  const words = textOf(output) || status;
  const [, hint] = HINTS.find(([pattern]) => pattern.test(words)) ?? [];
  return { status, output, ...(hint !== undefined && { hint }) };
}

/** By what ssh(1), the docker command and we ourselves say. */
const HINTS: [words: RegExp, hint: string][] = [
  [
    /Permission denied \(|Too many authentication/,
    'nobody can be asked for a password: a key that needs none, or an agent, has to do',
  ],
  [/Host key verification failed/, 'connect once by hand with ssh, to see its key and accept it'],
  [/Could not resolve|not known/, 'is the name of the host right?'],
  [/port \d+: /, 'does the machine run, and an sshd on it?'],
  [/^sudo: /, 'nobody can be asked for a password: sudoers has to allow it without (NOPASSWD)'],
  [/permission denied/i, "only root and members of the socket's group, mostly docker, may use it"],
  [/neither docker nor/, 'install one of them there'],
  [/No such file|Connection refused|Cannot connect|daemon running/i, 'does the engine run there?'],
  [/^exit status 127$/, 'is ssh installed on this host?'],
];
