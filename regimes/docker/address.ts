import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { UsageError } from '../../src/errors.ts';

/** Where an engine listens. */
export interface Address {
  /** As `unix:///run/docker.sock` or `tcp://host:2376`. */
  url: string;
  /** What named it, for messages. */
  from: string;
}

/**
 * Finds the engine as its own tools do: the environment, the current context of the docker command,
 * the usual sockets.
 * @throws UsageError for a context that names no engine
 */
export function findEngine(engine: 'docker' | 'podman'): Address {
  return engine === 'podman' ? findPodman() : findDocker();
}

function findPodman(): Address {
  const named = process.env['CONTAINER_HOST'];
  if (named) return { url: named, from: 'CONTAINER_HOST' };
  const runtime = process.env['XDG_RUNTIME_DIR'] || `/run/user/${process.getuid?.() ?? 0}`;
  const own = join(runtime, 'podman/podman.sock');
  const common = '/run/podman/podman.sock';
  const path = process.getuid?.() !== 0 && existsSync(own) ? own : common;
  return { url: `unix://${path}`, from: 'the usual socket' };
}

function findDocker(): Address {
  const named = process.env['DOCKER_HOST'];
  if (named) return { url: named, from: 'DOCKER_HOST' };
  const context = currentContext();
  if (context) return context;
  return { url: 'unix:///var/run/docker.sock', from: 'the usual socket' };
}

/** docker-context(1): the context's name is in config.json, its address below a hash of the name. */
function currentContext(): Address | undefined {
  const folder = process.env['DOCKER_CONFIG'] || join(homedir(), '.docker');
  const name =
    process.env['DOCKER_CONTEXT'] || readJson(join(folder, 'config.json'), 'currentContext');
  if (typeof name !== 'string' || name === '' || name === 'default') return undefined;
  const hash = createHash('sha256').update(name).digest('hex');
  const meta = join(folder, 'contexts/meta', hash, 'meta.json');
  const url = readJson(meta, 'Endpoints', 'docker', 'Host');
  if (typeof url === 'string') return { url, from: `the context ${name}` };
  throw new UsageError(
    `the docker context ${name} names no engine: see docker context ls, or use --host`,
  );
}

/** A member of a JSON file; undefined where there is no such file or member. */
function readJson(path: string, ...keys: string[]): unknown {
  try {
    let value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    for (const key of keys) value = (value as Record<string, unknown> | undefined)?.[key];
    return value;
  } catch {
    return undefined;
  }
}
