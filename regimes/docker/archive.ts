import { Readable } from 'node:stream';

import type { Bytes } from '../../src/bytes.ts';
import { asError, CopyFailed } from '../../src/errors.ts';
import type { Archive } from '../../src/place/place.ts';
import { engineError, statusOf, type Engine } from './engine.ts';

/**
 * A container's files by the engine: GET and PUT /containers/ID/archive?path=PATH, each with a tar
 * archive. It sees the container's own file systems and its volumes, but nothing that was mounted from
 * inside, and no tmpfs.
 */
export function containerArchive(engine: Engine, id: string): Archive {
  return {
    async put(directory, tar, signal) {
      signal.throwIfAborted();
      const wish = { path: directory, noOverwriteDirNonDir: '1' };
      const body = Readable.from(tar, { objectMode: false });
      try {
        await request(engine, id, 'PUT', wish, signal, body);
      } catch (cause) {
        signal.throwIfAborted();
        throw failed('cannot put an archive there', cause);
      } finally {
        body.destroy();
      }
    },
    async get(path, signal) {
      signal.throwIfAborted();
      try {
        return (await request(engine, id, 'GET', { path }, signal)) as Readable;
      } catch (cause) {
        signal.throwIfAborted();
        if (statusOf(cause) === 404) return undefined;
        throw failed('cannot get an archive of it', cause);
      }
    },
  };
}

/** Not by the library's own methods, which take a path as text: names are any bytes. */
function request(
  { docker }: Engine,
  id: string,
  method: 'GET' | 'PUT',
  wish: Record<string, Bytes>,
  abortSignal: AbortSignal,
  file?: Readable,
): Promise<unknown> {
  const words = Object.entries(wish).map(([key, value]) => `${key}=${encode(value)}`);
  return new Promise((resolve, reject) => {
    docker.modem.dial(
      {
        // The library takes the last character off.
        path: `/containers/${id}/archive?${words.join('&')}?`,
        method,
        ...(file ? { file } : { isStream: true }),
        abortSignal,
        statusCodes: { 200: true, 404: 'not there' },
      },
      (error: unknown, result: unknown) => (error ? reject(asError(error)) : resolve(result)),
    );
  });
}

function encode(value: Bytes): string {
  return value.replace(/[^A-Za-z0-9_.~/-]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

function failed(step: string, cause: unknown): CopyFailed {
  const { details } = engineError(step, cause);
  return new CopyFailed(details);
}
