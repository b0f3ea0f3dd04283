import { spawn } from 'node:child_process';
import { Duplex } from 'node:stream';

import { asError, lastWords, TestbedError } from '../../../src/errors.ts';
import { describeEnding } from '../../../src/place/place.ts';
import type { Context } from '../../../src/regime.ts';
import { dial } from './dial.ts';
import { openLink, type Link } from './link.ts';
import type { Target } from './target.ts';

/** The way to a host: streams to its ssh server, as many as are asked for. */
export interface Road {
  /** @throws TestbedError */
  open(): Promise<Duplex>;
  /** Ends what the way leads over. */
  close(): void;
}

/**
 * Prepares the way to a host: a log-in to each host that it leads over. These are kept, and all
 * streams go through them.
 * @throws TestbedError
 */
export async function findRoad(
  target: Target,
  context: Pick<Context, 'signal' | 'log'>,
): Promise<Road> {
  const { route } = target;
  if (!route) return { open: () => dial(target, context.signal), close: () => {} };
  if ('command' in route) {
    const { command } = route;
    return { open: () => Promise.resolve(spawnProxy(command)), close: () => {} };
  }
  const before = await findRoad(route.jump, context);
  let link: Link;
  try {
    link = await openLink(route.jump, await before.open(), context);
  } catch (cause) {
    before.close();
    throw cause;
  }
  return {
    open: () => forward(link, target, route.jump),
    close() {
      link.close();
      before.close();
    },
  };
}

async function forward(
  link: Link,
  { label, hostName, port }: Target,
  jump: Target,
): Promise<Duplex> {
  try {
    return await link.forward(hostName, port);
  } catch (cause) {
    throw new TestbedError({
      step: `cannot connect to ${label} (${hostName} port ${port}) by way of ${jump.label}`,
      status: asError(cause).message,
      hint: 'does it listen, and does the host before it allow it (AllowTcpForwarding)?',
      cause,
    });
  }
}

/** Milliseconds that a ProxyCommand has to end after its output, so that it can be said how. */
const FAREWELL = 1000;

/** The stream of a ProxyCommand: what it writes is from the server, what it reads is for it. */
function spawnProxy(command: string): Duplex {
  const child = spawn('/bin/sh', ['-c', `exec ${command}`], { detached: true });
  let words = '';
  child.stderr.setEncoding('latin1').on('data', (text: string) => {
    words = (words + text).slice(-1000);
  });
  const stream = new Duplex({
    read: () => void child.stdout.resume(),
    // Where it does not read any more, its end says why.
    write: (chunk, _encoding, done) => void child.stdin.write(chunk, () => done()),
    final: (done) => void child.stdin.end(done),
    destroy(cause, done) {
      child.kill('SIGHUP');
      child.stdin.destroy();
      child.stdout.destroy();
      done(cause);
    },
  });
  child.stdin.on('error', () => {});
  // It may end before anybody listens.
  stream.on('error', () => {});
  child.stdout.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) child.stdout.pause();
  });
  child.stdout.once('end', () => {
    const end = () => {
      if (!stream.destroyed) stream.push(null);
    };
    setTimeout(end, FAREWELL).unref();
  });
  child.once('error', (cause) => stream.destroy(cause));
  child.once('close', (status, signal) => {
    const how = describeEnding(signal ? { signal } : { status: status ?? 0 });
    const said = words.trim() === '' ? '' : `: ${lastWords(words)}`;
    stream.destroy(new Error(`its ProxyCommand has ended with ${how}${said}`));
  });
  return stream;
}
