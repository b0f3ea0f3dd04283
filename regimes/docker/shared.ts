import { chmodSync, mkdirSync, rmdirSync, statSync } from 'node:fs';

import type { MountSettings } from 'dockerode';

import { bufferOf, textOf, type Bytes } from '../../src/bytes.ts';
import { asError, shown, TestbedError, UsageError } from '../../src/errors.ts';
import { describeEnding, succeeded, type Place } from '../../src/place/place.ts';
import { engineError, type Engine } from './engine.ts';
import { SESSION_LABEL } from './containers.ts';

/** What a session shares with its containers, as it is written down. */
export interface SharedState {
  /** The directory that the user named. */
  base: Bytes;
  /** True where it was not there before. */
  baseIsOurs: boolean;
  /** The session's own directory in it, which only its owner may enter. */
  path: Bytes;
  /** Where containers have theirs. */
  target: Bytes;
}

/** One container's own part. */
export interface SharedPart {
  readonly mount: MountSettings;
  readonly place: NonNullable<Place['shared']>;
}

/** The share of an open session. */
export interface Share {
  /** Makes the part of one more container, which sees no other's. */
  part(): SharedPart;
  /** Removes the part of a container that has gone. */
  drop(part: Bytes): Promise<void>;
  /** Removes all of it. May be called again. */
  remove(): Promise<void>;
}

/** What removes what a container made. */
interface Tools {
  engine: Engine;
  outer: Place;
  /** The id of an image with a shell; empty where none is known. */
  image: string;
  session: string;
}

/**
 * Looks at the directory that --shared-dir names.
 * @returns whether it is there
 * @throws UsageError where others could exchange what we make in it
 */
export function checkSharedBase(base: Bytes): boolean {
  const found = statSync(bufferOf(base), { throwIfNoEntry: false });
  if (!found) return false;
  const refuse = (why: string) => new UsageError(`--shared-dir: ${shown(base)} ${why}`);
  if (!found.isDirectory()) throw refuse('is no directory');
  const sticky = (found.mode & 0o1000) !== 0;
  if (found.uid !== 0 && found.uid !== process.getuid?.()) throw refuse('belongs to somebody else');
  if ((found.mode & 0o022) !== 0 && !sticky) throw refuse('can be written to by others');
  return true;
}

/** The session's share as it is planned. */
export function planShared(base: Bytes, baseIsThere: boolean, session: string): SharedState {
  const name = `regime-${session}`;
  return {
    base,
    baseIsOurs: !baseIsThere,
    path: `${base === '/' ? '' : base}/${name}`,
    target: `/tmp/${name}`,
  };
}

/** Makes the session's directory. @throws TestbedError */
export function openShare(state: SharedState, tools: Tools): Share {
  const { base, path, target } = state;
  try {
    mkdirSync(bufferOf(base), { recursive: true, mode: 0o755 });
    // Nobody else gets in: a container may make set-uid programs and devices in there.
    mkdirSync(bufferOf(path), { mode: 0o700 });
  } catch (cause) {
    const status = asError(cause).message;
    throw new TestbedError({ step: 'cannot make the shared directory', status, cause });
  }
  let made = 0;
  return {
    part() {
      const onHost = `${path}/${++made}`;
      mkdirSync(bufferOf(onHost));
      // As any temporary directory; whatever the umask, and whoever root is on the host.
      chmodSync(bufferOf(onHost), 0o1777);
      const mount: MountSettings = { Type: 'bind', Source: textOf(onHost), Target: target };
      return { mount, place: { here: target, onHost } };
    },
    drop: (part) => removeTree(part, tools),
    remove: () => removeShare(state, tools),
  };
}

/** Removes all that a session shared. Idempotent. @throws TestbedError where something is left */
export async function removeShare(state: SharedState, tools: Tools): Promise<void> {
  await removeTree(state.path, tools);
  if (!state.baseIsOurs) return;
  try {
    rmdirSync(bufferOf(state.base));
  } catch {
    // Another session uses it too, or it has gone.
  }
}

/**
 * By rm(1), which follows no link: it works relative to descriptors. What a plain user may not remove,
 * as a container's root made it, goes by a container.
 */
async function removeTree(directory: Bytes, tools: Tools): Promise<void> {
  const command = ['rm', '-rf', '--', directory];
  let outcome = await tools.outer.run(command);
  if (!succeeded(outcome) && tools.image !== '') {
    await emptyAsRoot(directory, tools);
    outcome = await tools.outer.run(command);
  }
  if (succeeded(outcome)) return;
  throw new TestbedError({
    step: 'cannot remove the shared directory',
    command,
    status: describeEnding(outcome.ending),
    output: outcome.stderr,
  });
}

async function emptyAsRoot(directory: Bytes, { engine, image, session }: Tools): Promise<void> {
  const bind: MountSettings = { Type: 'bind', Source: textOf(directory), Target: '/shared' };
  try {
    const container = await engine.docker.createContainer({
      Image: image,
      User: '0',
      Entrypoint: ['sh', '-c', 'rm -rf /shared/* /shared/.[!.]* /shared/..?*'],
      Cmd: [],
      Labels: { [SESSION_LABEL]: session },
      HostConfig: { NetworkMode: 'none', Mounts: [bind] },
    });
    await container.start();
    await container.wait();
    await container.remove({ force: true, v: true });
  } catch (cause) {
    throw engineError('cannot empty the shared directory by a container', cause);
  }
}
