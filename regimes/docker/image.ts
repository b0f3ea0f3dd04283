import { textOf } from '../../src/bytes.ts';
import { TestbedError } from '../../src/errors.ts';
import { writeStderr } from '../../src/log.ts';
import type { Context } from '../../src/regime.ts';
import { engineError, statusOf, type Engine } from './engine.ts';
import type { DockerSettings } from './settings.ts';

/** An image of the engine's. */
export interface Image {
  /** What names just this one, whatever its tags come to mean. */
  id: string;
  labels: Record<string, string>;
}

/** Finds the image, or fetches it, as the policy says. @throws TestbedError with a hint */
export async function findImage(
  engine: Engine,
  settings: Pick<DockerSettings, 'image' | 'pull'>,
  context: Context,
): Promise<Image> {
  const name = textOf(settings.image);
  if (settings.pull === 'always') await pullImage(engine, name, context);
  const there = await inspectImage(engine, name);
  if (there) return there;
  if (settings.pull === 'missing') {
    await pullImage(engine, name, context);
    const fetched = await inspectImage(engine, name);
    if (fetched) return fetched;
  }
  throw new TestbedError({
    step: `there is no image ${name} at the engine`,
    hint: `see docker images; --pull=missing fetches it`,
  });
}

async function inspectImage({ docker }: Engine, name: string): Promise<Image | undefined> {
  try {
    const { Id, Config } = await docker.getImage(name).inspect();
    // Types say that it is always there; an image that was imported has none.
    const labels = (Config as { Labels?: Record<string, string> | null } | null)?.Labels;
    return { id: Id, labels: labels ?? {} };
  } catch (cause) {
    if (statusOf(cause) === 404) return undefined;
    throw engineError(`cannot look at the image ${name}`, cause);
  }
}

/** One layer of an image, as the engine tells about it. */
interface Progress {
  id?: string;
  status?: string;
  error?: string;
  progressDetail?: { current?: number; total?: number };
}

async function pullImage(engine: Engine, name: string, context: Context): Promise<void> {
  const step = `cannot fetch the image ${name}`;
  const hint = 'images that are there already: docker images';
  // Without a tag the engine would fetch all of them.
  const tagged = /[:@][^/]*$/.test(name) ? name : `${name}:latest`;
  try {
    const stream = await engine.docker.pull(tagged, { abortSignal: context.signal });
    const show = progressDisplay(name, context);
    await new Promise<void>((resolve, reject) => {
      engine.docker.modem.followProgress(
        stream,
        (error) => (error ? reject(error) : resolve()),
        show,
      );
    });
  } catch (cause) {
    context.signal.throwIfAborted();
    throw engineError(step, cause, hint);
  }
}

/** On a terminal one line that changes; elsewhere a line for each layer that is done. */
function progressDisplay(name: string, { log }: Context): (event: Progress) => void {
  const layers = new Map<string, { current: number; total: number }>();
  if (!process.stderr.isTTY) {
    log.warn(`fetching the image ${name}`);
    return ({ id, status }) => {
      if (status === 'Pull complete' && id) log.warn(`fetching the image ${name}: ${id} is done`);
    };
  }
  return ({ id, status, progressDetail }) => {
    if (!id || !progressDetail?.total) return;
    const { current = 0, total } = progressDetail;
    if (status === 'Downloading') layers.set(id, { current, total });
    const sum = (key: 'current' | 'total') =>
      [...layers.values()].reduce((all, layer) => all + layer[key], 0) / 1e6;
    writeStderr(`\r${name}: ${sum('current').toFixed(1)} of ${sum('total').toFixed(1)} MB \x1b[K`);
  };
}
