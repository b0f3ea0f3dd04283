import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import type { MountSettings } from 'dockerode';

import { bytesOf, textOf, type Bytes } from '../../src/bytes.ts';
import { END_OF_ARCHIVE, writeMember } from '../../src/place/tar-member.ts';
import { containerArchive } from './archive.ts';
import { SESSION_LABEL } from './containers.ts';
import { engineError, statusOf, type Engine } from './engine.ts';
import type { Image } from './image.ts';
import type { Recipe } from './recipe.ts';
import { LAST_REQUEST } from './requests.ts';

/** The session share as a volume of the engine's, as it is written down. */
export interface VolumeState {
  name: string;
  /** Where containers have it. */
  target: Bytes;
}

/** A volume that was made. */
export interface ShareVolume {
  readonly mount: MountSettings;
  /** Its name on this host, where this user can look into it. */
  readonly host?: Bytes;
  /** Lets the commands of a container write into it. @throws TestbedError */
  admit(container: string): Promise<void>;
}

/** Milliseconds that an engine may take to change the mode of a directory. */
const DEADLINE = 60_000;

/** The volume as it is planned. */
export function planVolume(session: string, target: Bytes): VolumeState {
  return { name: `regime-${session}-share`, target };
}

/** True where the commands of a container can't write into a volume, which is root's. */
function isUnprivileged({ body }: Recipe, image: Image): boolean {
  return !/^(0|root)?(:.*)?$/.test(body.User ?? image.user ?? '');
}

/**
 * Makes the volume.
 * @param recipe of the containers that are to have it
 * @throws TestbedError
 */
export async function openVolume(
  engine: Engine,
  { name, target }: VolumeState,
  session: string,
  recipe: Recipe,
  image: Image,
): Promise<ShareVolume> {
  const { docker, local } = engine;
  const closed = isUnprivileged(recipe, image);
  try {
    await docker.createVolume({ Name: name, Labels: { [SESSION_LABEL]: session } });
    const { Mountpoint } = await docker.getVolume(name).inspect();
    const mount: MountSettings = { Type: 'volume', Source: name, Target: textOf(target) };
    const seen = local && (await canLookInto(Mountpoint));
    return {
      mount,
      ...(seen && { host: bytesOf(Mountpoint) }),
      admit: (container) => (closed ? openToAll(engine, container, target) : Promise.resolve()),
    };
  } catch (cause) {
    throw engineError('cannot make a volume for the session share', cause);
  }
}

/** By the engine: what it unpacks it unpacks as root. */
async function openToAll(engine: Engine, container: string, target: Bytes): Promise<void> {
  const at = target.lastIndexOf('/');
  const path = target.slice(at + 1);
  const member = writeMember({ path, type: '5', mode: 0o1777, mtime: '0', size: 0 });
  const signal = AbortSignal.timeout(DEADLINE);
  await containerArchive(engine, container).put(
    target.slice(0, at),
    [member, END_OF_ARCHIVE],
    signal,
  );
}

/** The engine may have it elsewhere, or in a directory that is closed to this user. */
async function canLookInto(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Removes the volume of a session whose containers have gone. Idempotent; leaves what has not its label.
 * @param asked true where a server asked for it and died before the answer
 */
export async function removeVolume(
  { docker }: Engine,
  { name }: VolumeState,
  session: string,
  asked = false,
): Promise<void> {
  const volume = docker.getVolume(name);
  const limit = Date.now() + LAST_REQUEST;
  for (;;) {
    try {
      const { Labels } = await volume.inspect();
      // podman says nothing of labels that are not there.
      if ((Labels as Record<string, string> | null)?.[SESSION_LABEL] !== session) return;
      await volume.remove();
      return;
    } catch (cause) {
      const status = statusOf(cause);
      if (status === 404 && !asked) return;
      if (status === 404 && Date.now() > limit) return;
      // 409: a container that has it is still on its way out.
      if ((status !== 404 && status !== 409) || Date.now() > limit) {
        throw engineError(`cannot remove the volume ${name}`, cause);
      }
      await sleep(100);
    }
  }
}
