import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import type { ContainerCreateOptions } from 'dockerode';

import type { Argv } from '../../src/bytes.ts';
import { asError, shown, TestbedError } from '../../src/errors.ts';
import { describeEnding, succeeded, type Place } from '../../src/place/place.ts';
import type { Engine } from './engine.ts';
import type { Recipe } from './recipe.ts';

/** Milliseconds that the docker command may take to say what it would have made. */
const DEADLINE = 30_000;

/** What would make the command look for an engine elsewhere, or speak to it otherwise. */
const VARIABLES = ['DOCKER_CONTEXT', 'DOCKER_TLS', 'DOCKER_TLS_VERIFY', 'DOCKER_API_VERSION'];

/** Any id will do: the command only prints it. */
const ID = '0'.repeat(64);

/**
 * Has the docker command itself translate the arguments of `docker run`: it speaks to a socket of
 * ours, which answers as an engine would and keeps what is asked. So every argument that the command
 * knows means what it always meant, and the command is started once, not for each container.
 * @param socketPath a free path for the socket
 * @returns undefined where there is no docker command
 * @throws TestbedError in the command's own words
 */
export async function captureRecipe(
  engine: Engine,
  outer: Place,
  socketPath: string,
  words: Argv,
  signal: AbortSignal,
): Promise<Recipe | undefined> {
  const captured: Partial<Recipe> & Pick<Recipe, 'networks'> = { networks: [] };
  const refused: string[] = [];
  const server = createServer((request, response) => {
    answer(engine, captured, request, response).catch((cause: unknown) => {
      refused.push(asError(cause).message);
      reply(response, 501, { message: asError(cause).message });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
  try {
    const unset = VARIABLES.flatMap((name) => ['-u', name]);
    const docker = ['docker', '--host', `unix://${socketPath}`, 'run', '--detach', ...words];
    const outcome = await outer.run(['env', ...unset, ...docker], { signal, deadline: DEADLINE });
    if ('status' in outcome.ending && outcome.ending.status === 127) return undefined;
    const { body } = captured;
    if (succeeded(outcome) && body) return { ...captured, body };
    throw new TestbedError({
      step: 'the docker command refuses the arguments',
      status: describeEnding(outcome.ending),
      // Its last line tells how to get help, its first what is wrong.
      output: outcome.stderr.trim().split('\n')[0] ?? '',
      hint: 'what follows the image are arguments of docker run',
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function answer(
  engine: Engine,
  captured: Partial<Recipe> & Pick<Recipe, 'networks'>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://engine');
  const path = url.pathname.replace(/^\/v[0-9.]+/, '');
  const body = await readBody(request);
  response.setHeader('Api-Version', engine.apiVersion);
  response.setHeader('Ostype', 'linux');
  if (path === '/_ping') return void response.end('OK');
  if (path === '/version') return reply(response, 200, await engine.docker.version());
  if (path === '/info') return reply(response, 200, await engine.docker.info());
  if (request.method === 'POST') {
    const [, network] = /^\/networks\/([^/]+)\/connect$/.exec(path) ?? [];
    if (path === '/containers/create') {
      captured.body = JSON.parse(body) as ContainerCreateOptions;
      const name = url.searchParams.get('name');
      const platform = url.searchParams.get('platform');
      if (name) captured.name = name;
      if (platform) captured.platform = platform;
      return reply(response, 201, { Id: ID, Warnings: [] });
    }
    if (path === `/containers/${ID}/start`) return reply(response, 204);
    if (network !== undefined) {
      const wish = JSON.parse(body) as Record<string, unknown>;
      captured.networks.push({ network: decodeURIComponent(network), body: wish });
      return reply(response, 200);
    }
    // `--pull` among the arguments: the image is ours to fetch.
    if (path === '/images/create') return reply(response, 200);
  }
  throw new Error(`not supported by regime: ${request.method ?? ''} ${shown(path)}`);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function reply(response: ServerResponse, status: number, value?: unknown): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json');
  response.end(value === undefined ? undefined : JSON.stringify(value));
}
