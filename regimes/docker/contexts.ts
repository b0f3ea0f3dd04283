import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { UsageError } from '../../src/errors.ts';
import type { Named } from './address.ts';
import { dockerConfiguration, tlsFilesIn } from './tls-files.ts';

/**
 * The engine of the docker command's current context, docker-context(1): the context's name is in
 * DOCKER_CONTEXT or config.json, what it means and its certificates below a hash of the name.
 * @returns undefined for the context `default`, which means no context
 * @throws UsageError for a context that names no engine
 */
export function currentContext(): Named | undefined {
  const folder = dockerConfiguration();
  const name =
    process.env['DOCKER_CONTEXT'] || readJson(join(folder, 'config.json'), 'currentContext');
  if (typeof name !== 'string' || name === '' || name === 'default') return undefined;
  const hash = createHash('sha256').update(name).digest('hex');
  const meta = join(folder, 'contexts/meta', hash, 'meta.json');
  const url = readJson(meta, 'Endpoints', 'docker', 'Host');
  if (typeof url !== 'string' || url === '') {
    throw new UsageError(
      `the docker context ${name} names no engine: see docker context ls, or use --host`,
    );
  }
  const named = { url, from: `the context ${name}` };
  if (!url.startsWith('tcp:')) return named;
  const skips = readJson(meta, 'Endpoints', 'docker', 'SkipTLSVerify') === true;
  const files = tlsFilesIn(join(folder, 'contexts/tls', hash, 'docker'), !skips);
  const usesTls = skips || files.ca !== undefined || files.cert !== undefined;
  return usesTls ? { ...named, tls: files } : named;
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
