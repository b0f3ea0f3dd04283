import { hostname, userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

import type { ContainerInspectInfo } from 'dockerode';

import { TestbedError } from '../../src/errors.ts';
import { faultPoint } from '../../src/fault.ts';
import { putStandIn } from './bare.ts';
import { engineError, statusOf, type Engine } from './engine.ts';
import { IDLE, type Recipe } from './recipe.ts';
import { LAST_REQUEST } from './requests.ts';

/** The label that bears the id of the session. */
export const SESSION_LABEL = 'regime.session';
const OWNER_LABEL = 'regime.owner';

/** Milliseconds until a container that is being removed has to have gone. */
const REMOVAL = 60_000;

/** A container that was started. */
export interface Container {
  readonly id: string;
  readonly name: string;
}

/** The name of the Nth container of a session. */
export function containerName(session: string, number: number): string {
  return `regime-${session}-${number}`;
}

/** The container's first program is not in the image. */
export class MissingProgram extends TestbedError {
  override readonly name = 'MissingProgram';
}

/** Creates a container and starts it; where it does not start it is removed again. */
export async function startContainer(
  engine: Engine,
  recipe: Recipe,
  session: string,
  name: string,
): Promise<Container> {
  const labels = {
    ...recipe.body.Labels,
    [SESSION_LABEL]: session,
    [OWNER_LABEL]: `${userInfo().username}@${hostname()}`,
  };
  const body = { ...recipe.body, name, Labels: labels };
  if (recipe.platform !== undefined) body.platform = recipe.platform;
  const container = await engine.docker.createContainer(body).catch((cause: unknown) => {
    // Of an image it says so; of a network, a volume or a plugin too.
    const lost = statusOf(cause) === 404 && /image/i.test(String(cause));
    const hint = lost ? 'was the image removed? close, and fetch it again' : undefined;
    throw engineError('cannot create a container', cause, hint);
  });
  faultPoint('container.created');
  try {
    for (const { network, body: wish } of recipe.networks) {
      await engine.docker.getNetwork(network).connect({ ...wish, Container: container.id });
    }
    if (recipe.standIn) await putStandIn(engine, container.id, recipe.standIn);
    await container.start();
  } catch (cause) {
    await removeContainer(engine, container.id).catch(() => {});
    // Engines say it in different words.
    const missing = /executable file.*not found|no such file/i.test(String(cause));
    const hint = missing ? hintFor(recipe) : undefined;
    const { details } = engineError('cannot start the container', cause, hint);
    throw missing ? new MissingProgram(details) : new TestbedError(details);
  }
  faultPoint('container.started');
  return { id: container.id, name };
}

function hintFor({ body }: Recipe): string {
  const [program = ''] = body.Cmd ?? [];
  return program === IDLE[0]
    ? 'a testbed needs a shell: is there /bin/sh in the image?'
    : `is there an init, ${program}, in the image? without --init none is wanted`;
}

/** Starts a container that has ended, if nobody has done it already. */
export async function startAgain({ docker }: Engine, id: string): Promise<void> {
  try {
    await docker.getContainer(id).start();
  } catch (cause) {
    // 304: it runs.
    if (statusOf(cause) !== 304) throw engineError('cannot start the container again', cause);
  }
}

/** Resolves when its processes are dead. */
export async function killContainer({ docker }: Engine, id: string): Promise<void> {
  try {
    await docker.getContainer(id).kill();
  } catch (cause) {
    // 404: it has gone. 409: it does not run.
    const status = statusOf(cause);
    if (status !== 404 && status !== 409) throw engineError('cannot kill the container', cause);
  }
}

/** Kills a container and removes it with its nameless volumes. Resolves when it has gone. */
export async function removeContainer(engine: Engine, id: string): Promise<void> {
  const container = engine.docker.getContainer(id);
  const limit = Date.now() + REMOVAL;
  for (;;) {
    try {
      await container.remove({ force: true, v: true });
      return;
    } catch (cause) {
      if (statusOf(cause) === 404) return;
      // 409: somebody else is removing it already.
      if (statusOf(cause) !== 409 || Date.now() > limit) {
        throw engineError(`cannot remove the container ${id.slice(0, 12)}`, cause);
      }
      await sleep(50);
    }
  }
}

/** What the engine says of a container; undefined where it has gone. */
export async function inspectContainer(
  { docker }: Engine,
  id: string,
): Promise<ContainerInspectInfo | undefined> {
  try {
    return await docker.getContainer(id).inspect();
  } catch (cause) {
    if (statusOf(cause) === 404) return undefined;
    throw engineError('cannot look at the container', cause);
  }
}

/**
 * Removes all containers of a session, by their label: what a user may have given another name too.
 * @param asked the names of containers that a server asked for and died before the answer: the
 *   engine may still be making them
 */
export async function removeSession(
  engine: Engine,
  session: string,
  signal: AbortSignal,
  asked: readonly string[] = [],
): Promise<void> {
  const missing = new Set(asked);
  const limit = Date.now() + LAST_REQUEST;
  for (;;) {
    signal.throwIfAborted();
    const found = await sessionContainers(engine, session);
    await Promise.all(found.map(({ Id }) => removeContainer(engine, Id)));
    for (const name of found.flatMap(({ Names }) => Names)) missing.delete(name.slice(1));
    if (missing.size === 0 || Date.now() > limit) break;
    await sleep(100);
  }
  const left = await sessionContainers(engine, session);
  if (left.length === 0) return;
  throw new TestbedError({ step: `containers are left: ${left.map(({ Id }) => Id).join(' ')}` });
}

async function sessionContainers({ docker }: Engine, session: string) {
  const filters = { label: [`${SESSION_LABEL}=${session}`] };
  try {
    return await docker.listContainers({ all: true, filters });
  } catch (cause) {
    throw engineError('cannot list the containers', cause);
  }
}
