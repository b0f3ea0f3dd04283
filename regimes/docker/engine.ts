import type Docker from 'dockerode';

import { anyOf } from '../../src/abort.ts';
import { asError, TestbedError } from '../../src/errors.ts';
import type { Place } from '../../src/place/place.ts';
import type { Address } from './address.ts';
import { diallerFor, socketHere } from './dial.ts';
import type { Trouble } from './line.ts';
import { startRelay } from './relay.ts';
import { describeTrouble } from './unreachable.ts';

/** Milliseconds that an engine may take to say who it is. */
const ANSWER = 25_000;

/** An engine that has answered. */
export interface Engine {
  readonly docker: Docker;
  /** The unix socket by which it is reached: its own, or a relay's of ours. */
  readonly socketPath: string;
  /** True where its containers are made of this host's memory. */
  readonly local: boolean;
  /** The version of its API, as 1.41. */
  readonly apiVersion: string;
  /** Lets go of it. What was begun there goes on. */
  close(): void;
}

/**
 * Reaches an engine, from this host or from the Place it is behind.
 * @param directory a directory of ours with a short name, for the socket of a relay
 * @throws TestbedError where it does not answer, with a hint
 */
export async function connectEngine(
  address: Address,
  outer: Place,
  directory: string,
  signal: AbortSignal,
): Promise<Engine> {
  const { default: Client } = await import('dockerode').catch((cause: unknown) => {
    throw new TestbedError({
      step: 'the package dockerode, which speaks to engines, does not load',
      hint: 'install regime with its dependencies: npm install regime',
      cause,
    });
  });
  const here = socketHere(address, outer);
  const socketPath = here ?? `${directory}/engine`;
  const relay =
    here === undefined
      ? await startRelay(address, diallerFor(address, outer), socketPath)
      : undefined;
  const docker = withoutHost(() => new Client({ socketPath, protocol: 'http' }));
  try {
    const apiVersion = await askVersion(docker, signal);
    return {
      docker,
      socketPath,
      local: outer.isHost && address.url.startsWith('unix:'),
      apiVersion,
      close: () => relay?.close(),
    };
  } catch (thrown) {
    relay?.close();
    signal.throwIfAborted();
    const cause = asError(thrown);
    throw describeTrouble(address, relay?.trouble() ?? explain(address, cause), cause);
  }
}

/** The library takes from DOCKER_HOST, and the certificates that go with it, whatever it is not told. */
function withoutHost<T>(make: () => T): T {
  const host = process.env['DOCKER_HOST'];
  delete process.env['DOCKER_HOST'];
  try {
    return make();
  } finally {
    if (host !== undefined) process.env['DOCKER_HOST'] = host;
  }
}

async function askVersion(docker: Docker, signal: AbortSignal): Promise<string> {
  const limit = anyOf(signal, AbortSignal.timeout(ANSWER));
  try {
    // A request that is not given up would keep this process; version() of the library takes no signal
    // that its types know of.
    return (await dialVersion(docker, limit)).ApiVersion;
  } catch (cause) {
    if (!limit.aborted) throw cause;
  }
  throw new Error(`no answer within ${ANSWER / 1000} s`);
}

function dialVersion({ modem }: Docker, abortSignal: AbortSignal): Promise<Docker.DockerVersion> {
  const options = { path: '/version', method: 'GET', abortSignal, statusCodes: { 200: true } };
  return new Promise((resolve, reject) => {
    modem.dial(options, (cause, version) =>
      cause ? reject(asError(cause)) : resolve(version as Docker.DockerVersion),
    );
  });
}

/** What an engine's own socket, or the engine itself, has against us. */
function explain({ engine, from, url }: Address, cause: NodeJS.ErrnoException): Trouble {
  const running = `does the engine run? the address is from ${from}; see regime doctor ${engine}`;
  const words: Record<string, Trouble> = {
    ENOENT: { status: 'there is no such socket', hint: running },
    ECONNREFUSED: { status: 'nobody listens there', hint: running },
    EACCES: {
      status: 'permission denied',
      hint: "only root and members of the socket's group, mostly docker, may use it; others try --sudo",
    },
  };
  const known = words[cause.code ?? ''];
  if (known) return known;
  if (/HTTP request to an HTTPS server/.test(cause.message) && url.startsWith('tcp:')) {
    const hint = 'set DOCKER_TLS_VERIFY, and DOCKER_CERT_PATH to the directory of its certificates';
    return { status: 'it wants TLS', hint };
  }
  return { status: cause.message };
}

/** The HTTP status of an error of the engine's; undefined for others. */
export function statusOf(thrown: unknown): number | undefined {
  const status = (thrown as { statusCode?: unknown } | undefined)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** An error of the engine's as one of ours, in the engine's own words. */
export function engineError(step: string, thrown: unknown, hint?: string): TestbedError {
  if (thrown instanceof TestbedError) return thrown;
  const { json, code } = thrown as { json?: { message?: unknown } | null; code?: string };
  const said = typeof json?.message === 'string' ? json.message : asError(thrown).message;
  const lost = code && /^(ENOENT|ECONNREFUSED|ECONNRESET|EPIPE)$/.test(code);
  const status = lost ? `the engine does not answer any more (${code})` : said;
  return new TestbedError({ step, status, cause: thrown, ...(hint && { hint }) });
}
