import { buffer } from 'node:stream/consumers';

import type { Channel, Connection } from '../../../../regimes/ssh/connection/channel.ts';
import { connect } from '../../../../regimes/ssh/connection/connect.ts';
import { resolveTarget } from '../../../../regimes/ssh/connection/resolve.ts';
import type { Request } from '../../../../regimes/ssh/connection/target.ts';
import type { TestSshd } from '../../../support/sshd.ts';

/** What a log-in to a test server came to. */
export interface LogIn {
  connection?: Connection;
  /** Empty where all went well. */
  failure: string;
  warnings: string[];
}

/** Logs in, with the server's own key where nothing else is said, and with no file of the user's. */
export async function logIn(
  server: Pick<TestSshd, 'host' | 'port' | 'identity' | 'knownHosts'>,
  request: Partial<Request> & Pick<Request, 'user'>,
  signal = new AbortController().signal,
): Promise<LogIn> {
  const warnings: string[] = [];
  const log = { warn: (message: string) => void warnings.push(message), debug: () => {} };
  const { host, port, identity, knownHosts } = server;
  const own: Request = {
    host,
    port,
    identityFiles: [identity],
    knownHosts,
    configFile: 'none',
    ...request,
    options: [['IdentityAgent', 'none'], ['BatchMode', 'yes'], ...(request.options ?? [])],
  };
  try {
    const connection = await connect(await resolveTarget(own, { log }), { signal, log });
    return { connection, failure: '', warnings };
  } catch (cause) {
    return { failure: (cause as Error).message, warnings };
  }
}

/** The same where it has to succeed. */
export async function connected(...words: Parameters<typeof logIn>): Promise<Connection> {
  const { connection, failure } = await logIn(...words);
  if (!connection) throw new Error(failure);
  return connection;
}

/** All that comes of a command. */
export async function outcome(channel: Channel) {
  const [stdout, stderr, ending] = await Promise.all([
    buffer(channel.stdout),
    buffer(channel.stderr),
    channel.ended,
  ]);
  return { stdout: stdout.toString('latin1'), stderr: stderr.toString('latin1'), ending };
}
