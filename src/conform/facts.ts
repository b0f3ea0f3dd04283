import { readlinkSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';

import type { Argv, Bytes } from '../bytes.ts';
import { asError } from '../errors.ts';
import type { Dialect } from './case.ts';
import { startServer, type Client } from '../client/client.ts';
import { runCommand } from './command.ts';
import { pause } from '../client/deadline.ts';

/** What a server and its testbed are, found out once by asking; never by the server's name. */
export interface Facts {
  /** What it advertises while open, decoded. */
  readonly capabilities: readonly Bytes[];
  /** Which generations' names for the auxverb it answers. */
  readonly classic: boolean;
  readonly current: boolean;
  /** True where the testbed is this very system: same root directory, same mounts. */
  readonly isHost: boolean;
  /** True where a second `open` waits until the first server's testbed is closed. */
  readonly exclusive: boolean;
  /** The numeric user id of commands on the testbed. */
  readonly uid: number;
  /** True where the testbed's tar is GNU tar. */
  readonly gnuTar: boolean;
  /** True where the testbed has perl, for what a shell can't do. */
  readonly perl: boolean;
  /** True where the host's user is root. */
  readonly hostRoot: boolean;
}

export function has(facts: Facts, capability: string): boolean {
  return facts.capabilities.includes(capability);
}

/** The values of a capability that has some, as `suggested-normal-user`. */
export function valuesOf(facts: Facts, name: string): Bytes[] {
  return facts.capabilities
    .filter((word) => word.startsWith(`${name}=`))
    .map((word) => word.slice(name.length + 1));
}

/**
 * Starts the server once for each generation's word and looks around, then twice at once.
 * @throws where the server does not start, does not open, or answers neither word
 */
export async function probe(server: readonly string[]): Promise<Facts> {
  const current = await open(server, 'current');
  const classic = await open(server, 'classic', current !== undefined);
  const facts = current ?? classic;
  if (!facts) throw new Error("the server answers neither generation's word for the auxverb");
  return {
    ...facts,
    current: current !== undefined,
    classic: classic !== undefined,
    exclusive: await isExclusive(server),
  };
}

/** Undefined where the word is not answered. */
async function open(
  server: readonly string[],
  dialect: Dialect,
  wordOnly = false,
): Promise<Facts | undefined> {
  const client = startServer(server);
  try {
    await client.ready();
    await client.ask('open');
    const word = dialect === 'current' ? 'print-execute-command' : 'print-auxverb-command';
    const prefix = await client.auxverb(word).catch(() => undefined);
    if (!prefix) return undefined;
    if (wordOnly) return { ...NOTHING };
    const capabilities = await client.ask('capabilities');
    return { ...NOTHING, capabilities, ...(await look(prefix)) };
  } catch (error) {
    const said = client.stderr.trim();
    throw new Error(`${asError(error).message}; stderr: ${said}`, { cause: error });
  } finally {
    await end(client);
  }
}

const NOTHING: Facts = {
  capabilities: [],
  classic: false,
  current: false,
  isHost: false,
  exclusive: false,
  uid: -1,
  gnuTar: false,
  perl: false,
  hostRoot: userInfo().uid === 0,
};

/** Opens two testbeds at once. A slow server may be taken for an exclusive one, which costs time only. */
async function isExclusive(server: readonly string[]): Promise<boolean> {
  const [first, second] = [startServer(server), startServer(server)];
  try {
    await Promise.all([first.ready(), second.ready()]);
    const started = Date.now();
    await first.ask('open');
    const patience = Math.max(1500, 4 * (Date.now() - started));
    const opened = second.ask('open').then(() => false);
    opened.catch(() => {});
    return await Promise.race([opened, pause(patience).then(() => true)]);
  } finally {
    await end(first);
    await end(second);
  }
}

const LOOK = `id -u
readlink /proc/self/ns/mnt || echo
stat -c %d:%i / || echo
tar --version 2>/dev/null | grep -c GNU || :
perl -e 'print "perl\\n"' 2>/dev/null || echo`;

async function look(prefix: Argv): Promise<Partial<Facts>> {
  const { stdout } = await runCommand([...prefix, 'sh', '-c', LOOK]);
  const [uid, mounts, root, tar, perl] = stdout.split('\n');
  return {
    uid: Number(uid),
    isHost: mounts === ownMounts() && root === ownRoot(),
    gnuTar: tar !== '0' && tar !== '',
    perl: perl === 'perl',
  };
}

function ownMounts(): string {
  try {
    return readlinkSync('/proc/self/ns/mnt');
  } catch {
    return '';
  }
}

function ownRoot(): string {
  const { dev, ino } = statSync('/');
  return `${dev}:${ino}`;
}

async function end(client: Client): Promise<void> {
  if (!client.hasEnded) client.send('quit\n');
  client.closeInput();
  try {
    await client.ended(5000);
  } catch {
    client.signal('SIGTERM');
    await client.ended(5000).catch(() => client.kill());
  }
}
