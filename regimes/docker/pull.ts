import { TestbedError } from '../../src/errors.ts';
import { writeStderr } from '../../src/log.ts';
import type { Place } from '../../src/place/place.ts';
import type { Context } from '../../src/regime.ts';
import { findCredentials, registryOf } from './credentials.ts';
import { engineError, type Engine } from './engine.ts';

/** An image as it is to be fetched. */
export interface Wanted {
  /** As the user wrote it. */
  name: string;
  /** Whose credentials are used. */
  kind: 'docker' | 'podman';
  /** As `docker run --platform` has it. */
  platform?: string;
}

/** One line of what the engine tells while it fetches: about a layer, or about all. */
interface Progress {
  id?: string;
  status?: string;
  error?: string;
  progressDetail?: { current?: number; total?: number };
}

/** A hint where a name can't be one. */
export const NAMING = 'an image is named [REGISTRY/]NAME[:TAG], in small letters';

/** Has the engine fetch an image from its registry. @throws TestbedError with a hint */
export async function pullImage(
  engine: Engine,
  { name, kind, platform }: Wanted,
  outer: Place,
  context: Context,
): Promise<void> {
  const step = `cannot fetch the image ${name}`;
  const registry = registryOf(name);
  // Without a tag the engine would fetch all of them.
  const tagged = /[:@][^/]*$/.test(name) ? name : `${name}:latest`;
  const authconfig = await findCredentials(registry, kind, outer, context);
  const display = progressDisplay(name, context);
  try {
    const stream = await engine.docker.pull(tagged, {
      abortSignal: context.signal,
      ...(authconfig && { authconfig }),
      ...(platform !== undefined && { platform }),
    });
    for await (const event of readProgress(stream)) {
      // The status of the reply is 200 all the same.
      if (event.error !== undefined) throw new TestbedError({ step, status: event.error });
      display.show(event);
    }
  } catch (cause) {
    context.signal.throwIfAborted();
    const { details } = engineError(step, cause);
    const status = details.status ?? '';
    throw new TestbedError({ ...details, hint: hintFor(status, registry, kind), cause });
  } finally {
    display.end();
  }
}

/** JSON, a line each. Node's readline would not tell that the connection broke. */
async function* readProgress(stream: NodeJS.ReadableStream): AsyncGenerator<Progress> {
  let rest = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const lines = `${rest}${chunk.toString()}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as Progress;
  }
}

/** What to do about a failure, by what engines and registries say of it. */
function hintFor(said: string, registry: string, kind: string): string {
  if (/invalid reference|must be lowercase|invalid tag|parsing reference/i.test(said)) {
    return NAMING;
  }
  if (/unauthorized|denied|authentication required|no basic auth|forbidden/i.test(said)) {
    return `there may be none of that name, or it takes ${kind} login ${registry}`;
  }
  if (/manifest unknown|not found|name unknown|no matching manifest/i.test(said)) {
    return 'is the name right, and the tag?';
  }
  if (/dial tcp|lookup|timeout|refused|unreachable|i\/o|no such host|TLS|EOF/i.test(said)) {
    return `the registry can't be reached; images that are there already: ${kind} images`;
  }
  return `images that are there already: ${kind} images`;
}

/** On a terminal one line that changes; elsewhere a line for each layer that is done. */
function progressDisplay(
  name: string,
  { log }: Context,
): { show(event: Progress): void; end(): void } {
  if (!process.stderr.isTTY) {
    log.warn(`fetching the image ${name}`);
    return {
      show({ id, status }) {
        if (status === 'Pull complete' && id) log.warn(`fetching the image ${name}: ${id} is done`);
      },
      end() {},
    };
  }
  const layers = new Map<string, { current: number; total: number }>();
  const sum = (key: 'current' | 'total') =>
    ([...layers.values()].reduce((all, layer) => all + layer[key], 0) / 1e6).toFixed(1);
  const write = (text: string) => writeStderr(`\r${text}\x1b[K`);
  write(`fetching the image ${name}`);
  return {
    show({ id, status, progressDetail }) {
      const { current = 0, total } = progressDetail ?? {};
      if (!id || !total || status !== 'Downloading') return;
      layers.set(id, { current, total });
      write(`fetching the image ${name}: ${sum('current')} of ${sum('total')} MB`);
    },
    // What comes next is written where this was.
    end: () => write(''),
  };
}
