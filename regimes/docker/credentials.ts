import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { asError } from '../../src/errors.ts';
import { describeEnding, succeeded, type Place } from '../../src/place/place.ts';
import type { Context } from '../../src/regime.ts';

/** What an engine is given to log in to a registry; `AuthConfig` of the API. */
export interface Credentials {
  serveraddress: string;
  username?: string;
  password?: string;
  identitytoken?: string;
}

/** As much as counts here of docker's config.json, and of podman's auth.json, which is like it. */
interface ConfigFile {
  auths?: Record<string, { auth?: string; identitytoken?: string } | undefined>;
  credHelpers?: Record<string, string | undefined>;
  credsStore?: string;
}

/** Milliseconds that a credential helper may take: it may have to wake up a keyring. */
const HELPER = 30_000;

/** What the tools call Docker's own registry in their files. */
const DOCKER_HUB = 'https://index.docker.io/v1/';

/** The registry of an image, as the tools write it in their files. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const named = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return !named || first === 'docker.io' ? DOCKER_HUB : first;
}

/**
 * What `docker login` or `podman login` has kept for a registry, in a file or with a helper program
 * (docker-login(1), containers-auth.json(5)). Undefined where there is nothing.
 */
export async function findCredentials(
  registry: string,
  engine: 'docker' | 'podman',
  outer: Place,
  context: Context,
): Promise<Credentials | undefined> {
  for (const path of configFiles(engine)) {
    const config = readConfig(path, context);
    const helper = config.credHelpers?.[registry] ?? config.credsStore;
    const found =
      (helper && (await askHelper(helper, registry, outer, context))) || readAuth(config, registry);
    if (found) return { serveraddress: registry, ...found };
  }
  return undefined;
}

function configFiles(engine: 'docker' | 'podman'): string[] {
  const docker = join(process.env['DOCKER_CONFIG'] || join(homedir(), '.docker'), 'config.json');
  if (engine === 'docker') return [docker];
  const runtime = process.env['XDG_RUNTIME_DIR'] || `/run/user/${process.getuid?.() ?? 0}`;
  const root = process.getuid?.() === 0 ? '/run/containers/0' : `${runtime}/containers`;
  const configured = process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config');
  const own = process.env['REGISTRY_AUTH_FILE'] || join(root, 'auth.json');
  return [own, join(configured, 'containers/auth.json'), docker];
}

function readConfig(path: string, { log }: Context): ConfigFile {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ConfigFile;
  } catch (cause) {
    const { code, name } = asError(cause) as NodeJS.ErrnoException;
    // What a parser says of a file may show a piece of it.
    if (code !== 'ENOENT') log.warn(`${path} is not used: ${code ?? name}`);
    return {};
  }
}

function readAuth({ auths }: ConfigFile, registry: string): Partial<Credentials> | undefined {
  const aliases = registry === DOCKER_HUB ? [registry, 'index.docker.io', 'docker.io'] : [registry];
  const names = aliases.flatMap((name) => [name, `https://${name}`, `https://${name}/v1/`]);
  const entry = names.map((name) => auths?.[name]).find((one) => one?.auth ?? one?.identitytoken);
  if (!entry) return undefined;
  const [, username = '', password = ''] =
    /^([^:]*):([^]*)$/.exec(Buffer.from(entry.auth ?? '', 'base64').toString()) ?? [];
  const { identitytoken } = entry;
  return { username, ...(identitytoken ? { identitytoken } : { password }) };
}

/** The protocol of docker-credential-helpers: the registry on stdin, JSON on stdout. */
async function askHelper(
  helper: string,
  registry: string,
  outer: Place,
  { signal, log }: Context,
): Promise<Partial<Credentials> | undefined> {
  const program = `docker-credential-${helper}`;
  const options = { input: registry, signal, deadline: HELPER };
  const outcome = await outer.run([program, 'get'], options);
  if (!succeeded(outcome)) {
    // It also says so on stdout where there are simply none.
    log.debug(`${program} has nothing for ${registry}: ${describeEnding(outcome.ending)}`);
    return undefined;
  }
  try {
    const text = Buffer.from(outcome.stdout, 'latin1').toString();
    const { Username, Secret } = JSON.parse(text) as { Username?: string; Secret?: string };
    if (!Username || !Secret) return undefined;
    // This name stands for: the secret is a token.
    return Username === '<token>'
      ? { identitytoken: Secret }
      : { username: Username, password: Secret };
  } catch {
    log.warn(`${program} gave no credentials that can be read`);
    return undefined;
  }
}
