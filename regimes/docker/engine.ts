import type Docker from 'dockerode';

import { asError, TestbedError } from '../../src/errors.ts';
import type { Address } from './address.ts';

/** An engine that has answered. */
export interface Engine {
  readonly docker: Docker;
  readonly address: Address;
  /** The unix socket by which it is reached. */
  readonly socketPath: string;
  /** The version of its API, as 1.41. */
  readonly apiVersion: string;
}

/**
 * Reaches the engine.
 * @throws TestbedError where it does not answer, with a hint
 */
export async function connectEngine(address: Address): Promise<Engine> {
  const [, socketPath] = /^unix:\/\/(\/.+)$/.exec(address.url) ?? [];
  if (!socketPath) {
    throw new TestbedError({
      step: `an engine at ${address.url} can not be reached: only unix:// addresses can`,
      hint: `forward its socket, as with ssh -L, and name that (the address is from ${address.from})`,
    });
  }
  const { default: Client } = await import('dockerode').catch((cause: unknown) => {
    throw new TestbedError({
      step: 'the package dockerode, which speaks to engines, does not load',
      hint: 'install regime with its dependencies: npm install regime',
      cause,
    });
  });
  // What is left out here the library takes from DOCKER_HOST.
  const docker = new Client({ socketPath, protocol: 'http', host: undefined, port: undefined });
  try {
    const version = await docker.version();
    return { docker, address, socketPath, apiVersion: version.ApiVersion };
  } catch (cause) {
    throw unreachable(address, asError(cause));
  }
}

function unreachable({ url, from }: Address, cause: NodeJS.ErrnoException): TestbedError {
  const words: Record<string, [status: string, hint: string]> = {
    ENOENT: ['there is no such socket', `does the engine run? the address is from ${from}`],
    ECONNREFUSED: ['nobody listens there', `does the engine run? the address is from ${from}`],
    EACCES: [
      'permission denied',
      "only root and members of the socket's group, mostly docker, may use it",
    ],
  };
  const [status, hint] = words[cause.code ?? ''] ?? [cause.message, `the address is from ${from}`];
  return new TestbedError({ step: `cannot reach the engine at ${url}`, status, hint, cause });
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
