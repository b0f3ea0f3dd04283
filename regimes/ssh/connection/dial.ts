import { Socket } from 'node:net';

import { anyOf } from '../../../src/abort.ts';
import { TestbedError } from '../../../src/errors.ts';
import type { Target } from './target.ts';

/** What the usual failures of a connection mean, and what to do about them. */
const FAILURES: Record<string, [status: string, hint: string]> = {
  ENOTFOUND: ['its name does not resolve', 'is it spelt right? HostName in ssh_config(5) names it'],
  EAI_AGAIN: ['its name can not be resolved now', 'does the name server answer?'],
  ECONNREFUSED: ['nobody listens there', 'does sshd run, and at that port?'],
  EHOSTUNREACH: ['there is no route to it', 'is it up?'],
  ENETUNREACH: ['there is no route to its network', 'is this host connected?'],
  ETIMEDOUT: ['it does not answer', 'is it up, and does no firewall drop the port?'],
  ECONNRESET: [
    'it ended the connection',
    'does it refuse this host, or have too many connections?',
  ],
};

/**
 * Connects to a host's port.
 * @throws TestbedError
 */
export async function dial(
  { label, hostName, port, family, connectTimeout }: Target,
  signal: AbortSignal,
): Promise<Socket> {
  const limit = anyOf(signal, AbortSignal.timeout(connectTimeout));
  const socket = new Socket();
  // Each command is a few small packets, one after the other's answer.
  socket.setNoDelay(true);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
      limit.addEventListener('abort', () => reject(asTimeout()), { once: true });
      socket.connect({ host: hostName, port, family });
    });
    return socket;
  } catch (cause) {
    socket.destroy();
    signal.throwIfAborted();
    throw unreachable(label, `${hostName} port ${port}`, cause);
  }
}

function asTimeout(): Error {
  return Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });
}

/** An error of a socket's as one of ours. */
export function unreachable(label: string, where: string, cause: unknown): TestbedError {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const [status, hint] = FAILURES[code] ?? [message, undefined];
  const step = `cannot connect to ${label} (${where})`;
  return new TestbedError({ step, status, cause, ...(hint && { hint }) });
}
