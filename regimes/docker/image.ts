import { textOf } from '../../src/bytes.ts';
import { TestbedError } from '../../src/errors.ts';
import type { Argv } from '../../src/bytes.ts';
import type { Place } from '../../src/place/place.ts';
import type { Context } from '../../src/regime.ts';
import { engineError, statusOf, type Engine } from './engine.ts';
import { NAMING, pullImage, type Wanted } from './pull.ts';
import type { DockerSettings } from './settings.ts';

/** An image of the engine's. */
export interface Image {
  /** What names just this one, whatever its tags come to mean. */
  id: string;
  labels: Record<string, string>;
  /** What it runs where it is not told otherwise. */
  command: readonly string[];
  /** Who its commands are run as; root where it does not say. */
  user?: string;
}

/** Finds the image, or fetches it, as the policy says. @throws TestbedError with a hint */
export async function findImage(
  engine: Engine,
  settings: Pick<DockerSettings, 'engine' | 'image' | 'args' | 'pull'>,
  outer: Place,
  context: Context,
): Promise<Image> {
  const name = textOf(settings.image);
  const platform = findPlatform(settings.args);
  const wanted: Wanted = { name, kind: settings.engine, ...(platform && { platform }) };
  if (settings.pull === 'always') await pullImage(engine, wanted, outer, context);
  const there = await inspectImage(engine, name);
  if (there) return there;
  if (settings.pull === 'missing') {
    await pullImage(engine, wanted, outer, context);
    const fetched = await inspectImage(engine, name);
    if (fetched) return fetched;
  }
  throw new TestbedError({
    step: `there is no image ${name} at the engine`,
    hint: `see ${settings.engine} images; --pull=missing fetches it`,
  });
}

/** What `docker run` is told of it: an image has to be fetched for the same. */
function findPlatform(args: Argv): string | undefined {
  const at = args.findLastIndex((word) => /^--platform(=|$)/.test(word));
  const word = args[at];
  if (word === undefined) return undefined;
  return textOf(word.includes('=') ? word.slice('--platform='.length) : (args[at + 1] ?? ''));
}

async function inspectImage({ docker }: Engine, name: string): Promise<Image | undefined> {
  try {
    const { Id, Config } = await docker.getImage(name).inspect();
    // Types say that it is always there; an image that was imported has none.
    const { Labels, Cmd, User } = (Config as ImageConfig | null) ?? {};
    return { id: Id, labels: Labels ?? {}, command: Cmd ?? [], ...(User && { user: User }) };
  } catch (cause) {
    if (statusOf(cause) === 404) return undefined;
    const hint = statusOf(cause) === 400 ? NAMING : undefined;
    throw engineError(`cannot look at the image ${name}`, cause, hint);
  }
}

interface ImageConfig {
  Labels?: Record<string, string> | null;
  Cmd?: string[] | null;
  User?: string | null;
}
