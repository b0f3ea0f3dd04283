import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import type { TestAccount } from './account.ts';
import { cleanUpAfterFile } from './clean-up.ts';
import { freePort } from './port.ts';
import { skip } from './skip.ts';
import { fileTempDir } from './tempdir.ts';

/** An ssh server of the tests' own on loopback. Root and every account log in with one key. */
export interface TestSshd {
  readonly host: string;
  readonly port: number;
  /** The private key that lets everybody in; mode 0600. Its public half is beside it, as `.pub`. */
  readonly identity: string;
  /** A known_hosts file with the server's key. */
  readonly knownHosts: string;
  /** An ssh_config file that says all of this for `Host testbed` (and a user, if one was given). */
  readonly config: string;
  /** What to give `ssh`, before a command, to run it there as a user. */
  ssh(user: string): string[];
  /** A copy of the key that another user can read. */
  identityFor(owner: { uid: number; gid: number; home: string }): string;
  /** What the server has logged. */
  log(): string;
  /** The processes of the server: the listener, and those of each connection; not their commands. */
  pids(): number[];
  /** Ends the server and its connections at once, as a crash does. The commands live on. */
  kill(): Promise<void>;
  /** Starts it again, on the same port. */
  start(): Promise<void>;
  /** Starts it anew as a service manager does: the connections stay. */
  restart(): Promise<void>;
  /** SIGSTOP to the server and its connections: the peer sees a silence without a FIN. */
  pause(): void;
  resume(): void;
  /** Gives it another host key (known_hosts stays as it was) and starts it anew. */
  changeKey(): Promise<void>;
}

export interface SshdOptions {
  /** Further lines of sshd_config, before ours: the first that names a keyword counts. */
  lines?: string[];
  /** The address it listens on. Default 127.0.0.1. */
  address?: string;
  /** What to put before the server's command line, given its directory. Default: `MACHINE`. */
  within?: (directory: string) => string[];
}

/**
 * What makes each server a machine of its own in what counts: the lock that reserves it lies there. Two
 * test files would wait for each other.
 */
const MACHINE = [
  ...['unshare', '--mount', 'sh', '-c'],
  ...['mount -t tmpfs -o mode=1777 locks /run/lock && exec "$@"', 'sh'],
];

/** Milliseconds that a server may take until it listens. */
const PATIENCE = 20_000;

/** For a `before` hook: an OpenSSH server that is gone after the file, or a skip with the reason. */
export async function startSshd(
  context: Mocha.Context,
  { lines = [], address = '127.0.0.1', within = () => MACHINE }: SshdOptions = {},
): Promise<TestSshd> {
  needServer(context, '/usr/sbin/sshd');
  const parts = await makeParts(address);
  const { directory, port, hostKey } = parts;
  writeFileSync(
    `${directory}/sshd_config`,
    [
      ...lines,
      `ListenAddress ${address}`,
      `Port ${port}`,
      `HostKey ${hostKey}`,
      `PidFile ${directory}/pid`,
      `AuthorizedKeysFile ${directory}/authorized_keys`,
      'PermitRootLogin yes',
      'PasswordAuthentication yes',
      'KbdInteractiveAuthentication no',
      'StrictModes no',
      'UsePAM no',
      'UseDNS no',
      'MaxSessions 10',
      // Tests open many at once; the default drops some of more than ten that are not yet let in.
      'MaxStartups 200',
      'Subsystem sftp internal-sftp',
      '',
    ].join('\n'),
  );
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const log = `${directory}/log`;
  const argv = ['/usr/sbin/sshd', '-D', '-f', `${directory}/sshd_config`, '-E', log];
  return makeServer(parts, [...within(directory), ...argv], 'sshd', log);
}

/**
 * For a `before` hook: a dropbear server. It looks for keys in the home of each account, so only the
 * given ones can log in.
 */
export async function startDropbear(
  context: Mocha.Context,
  accounts: readonly TestAccount[],
): Promise<TestSshd> {
  needServer(context, '/usr/sbin/dropbear');
  const parts = await makeParts('127.0.0.1');
  const { directory, port } = parts;
  for (const { home, uid, gid } of accounts) {
    mkdirSync(`${home}/.ssh`, { mode: 0o700 });
    copyFileSync(`${directory}/authorized_keys`, `${home}/.ssh/authorized_keys`);
    for (const name of ['.ssh', '.ssh/authorized_keys']) chownSync(`${home}/${name}`, uid, gid);
  }
  const own = `${directory}/dropbear_key`;
  must(['dropbearconvert', 'openssh', 'dropbear', parts.hostKey, own]);
  const argv = ['/usr/sbin/dropbear', '-F', '-E', '-r', own, '-P', `${directory}/pid`];
  return makeServer(parts, [...MACHINE, ...argv, '-p', `127.0.0.1:${port}`], 'dropbear');
}

function needServer(context: Mocha.Context, program: string): void {
  context.timeout(PATIENCE * 2);
  if (process.getuid?.() !== 0) skip(context, 'an ssh server for several users needs root');
  if (!existsSync(program)) skip(context, `there is no ${program} to test with`);
}

interface Parts {
  directory: string;
  address: string;
  port: number;
  hostKey: string;
}

async function makeParts(address: string): Promise<Parts> {
  const directory = fileTempDir();
  // Users have to be able to get at what is theirs in it.
  chmodSync(directory, 0o711);
  const hostKey = `${directory}/host_key`;
  makeKey(hostKey);
  makeKey(`${directory}/identity`);
  copyFileSync(`${directory}/identity.pub`, `${directory}/authorized_keys`);
  chmodSync(`${directory}/authorized_keys`, 0o644);
  const port = await freePort(address);
  const [type, key] = readFileSync(`${hostKey}.pub`, 'utf8').split(' ');
  writeFileSync(`${directory}/known_hosts`, `[${address}]:${port} ${type} ${key}\n`);
  writeFileSync(
    `${directory}/config`,
    [
      'Host testbed',
      `  HostName ${address}`,
      `  Port ${port}`,
      `  IdentityFile ${directory}/identity`,
      '  IdentitiesOnly yes',
      `  UserKnownHostsFile ${directory}/known_hosts`,
      '  GlobalKnownHostsFile /dev/null',
      '',
    ].join('\n'),
  );
  return { directory, address, port, hostKey };
}

async function makeServer(
  { directory, address, port, hostKey }: Parts,
  [program = '', ...args]: string[],
  name: string,
  log = `${directory}/log`,
): Promise<TestSshd> {
  let daemon: ChildProcess | undefined;
  const pids = () =>
    daemon?.pid === undefined || hasEnded(daemon) ? [] : familyOf(daemon.pid, name);
  const signalAll = (signal: NodeJS.Signals) => {
    for (const pid of pids()) signalTo(pid, signal);
  };
  const server: TestSshd = {
    host: address,
    port,
    identity: `${directory}/identity`,
    knownHosts: `${directory}/known_hosts`,
    config: `${directory}/config`,
    ssh: (user) => ['ssh', '-n', '-F', `${directory}/config`, '-l', user, 'testbed'],
    identityFor({ uid, gid, home }) {
      const copy = `${home}/identity-${port}`;
      copyFileSync(`${directory}/identity`, copy);
      chmodSync(copy, 0o600);
      chownSync(copy, uid, gid);
      return copy;
    },
    log: () => (existsSync(log) ? readFileSync(log, 'utf8') : ''),
    pids,
    async kill() {
      const ended = daemon;
      if (!ended || hasEnded(ended)) return;
      const gone = new Promise((resolve) => ended.once('close', resolve));
      signalAll('SIGKILL');
      await gone;
    },
    async start() {
      const output = openSync(log, 'a');
      daemon = spawn(program, args, { stdio: ['ignore', output, output] });
      closeSync(output);
      const limit = Date.now() + PATIENCE;
      while (!(await listens(address, port))) {
        if (hasEnded(daemon) || Date.now() > limit)
          throw new Error(`${program} does not start: ${server.log().trim()}`);
        await sleep(20);
      }
    },
    async restart() {
      const ended = daemon;
      if (!ended || hasEnded(ended)) throw new Error(`${program} does not run`);
      const gone = new Promise((resolve) => ended.once('exit', resolve));
      ended.kill('SIGTERM');
      await gone;
      await server.start();
    },
    pause: () => signalAll('SIGSTOP'),
    resume: () => signalAll('SIGCONT'),
    async changeKey() {
      await server.kill();
      for (const file of [hostKey, `${hostKey}.pub`]) rmSync(file, { force: true });
      makeKey(hostKey);
      if (name === 'dropbear') {
        rmSync(`${directory}/dropbear_key`, { force: true });
        must(['dropbearconvert', 'openssh', 'dropbear', hostKey, `${directory}/dropbear_key`]);
      }
      await server.start();
    },
  };
  cleanUpAfterFile(() => server.kill());
  await server.start();
  return server;
}

function makeKey(path: string): void {
  must(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'regime-test', '-f', path]);
}

function must([program = '', ...args]: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
}

/** A process and those of the same program that descend from it, the youngest first. */
function familyOf(root: number, name: string): number[] {
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,ppid=,comm='], { encoding: 'utf8' });
  const family = [root];
  const all = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  for (const parent of family) {
    for (const [pid, ppid, command] of all) {
      if (Number(ppid) === parent && command?.startsWith(name)) family.push(Number(pid));
    }
  }
  return family.reverse();
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** True where an ssh server greets. */
function listens(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, address);
    const settle = (found: boolean) => {
      socket.destroy();
      resolve(found);
    };
    socket.setTimeout(2000, () => settle(false));
    socket.once('error', () => settle(false));
    socket.once('data', (data) => settle(data.toString('latin1').startsWith('SSH-')));
    socket.once('close', () => settle(false));
  });
}
