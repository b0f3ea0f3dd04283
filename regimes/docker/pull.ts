import { TestbedError } from '../../src/errors.ts';
import { followed, type Advance } from '../../src/log.ts';
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
  const layers = layerProgress(name, context);
  const what = `fetching the image ${name}`;
  if (!context.log.follow) context.log.warn(what);
  const fetchAll = async () => {
    const stream = await engine.docker.pull(tagged, {
      abortSignal: context.signal,
      ...(authconfig && { authconfig }),
      ...(platform !== undefined && { platform }),
    });
    for await (const event of readProgress(stream)) {
      // The status of the reply is 200 all the same.
      if (event.error !== undefined) throw new TestbedError({ step, status: event.error });
      layers.note(event);
    }
  };
  try {
    await followed(context.log, what, layers.advance, fetchAll);
  } catch (cause) {
    context.signal.throwIfAborted();
    const { details } = engineError(step, cause);
    const status = details.status ?? '';
    throw new TestbedError({ ...details, hint: hintFor(status, registry, kind), cause });
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

/** Sums up what the engine tells of the layers; where nobody follows, a line for each that is done. */
function layerProgress(
  name: string,
  { log }: Context,
): { note(event: Progress): void; advance(): Advance } {
  const layers = new Map<string, { current: number; total: number }>();
  const sum = (key: 'current' | 'total') =>
    [...layers.values()].reduce((all, layer) => all + layer[key], 0);
  let stage = '';
  return {
    note({ id, status = '', progressDetail }) {
      const { current = 0, total } = progressDetail ?? {};
      if (id && total && status === 'Downloading') layers.set(id, { current, total });
      if (id && /^(Download|Pull) complete$/.test(status)) {
        const { total: all = 0 } = layers.get(id) ?? {};
        layers.set(id, { current: all, total: all });
        if (!log.follow && status === 'Pull complete') {
          log.warn(`fetching the image ${name}: ${id} is done`);
        }
      }
      stage = status;
    },
    // Of the last layers nothing is counted: they are unpacked.
    advance: () => ({
      ...(sum('current') < sum('total') && { done: sum('current'), total: sum('total') }),
      ...(stage && { stage: stage.toLowerCase() }),
    }),
  };
}
