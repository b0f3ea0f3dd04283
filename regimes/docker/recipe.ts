import type { ContainerCreateOptions, MountSettings } from 'dockerode';

import type { Argv, Bytes } from '../../src/bytes.ts';

/** How the containers of a testbed are made: what the engine is asked, but for name and labels. */
export interface Recipe {
  /** The body of the engine's create request. */
  body: ContainerCreateOptions;
  /** A name that the user gave. */
  name?: string;
  platform?: string;
  /** Networks that a container is connected to before it starts, as the engine is asked. */
  networks: { network: string; body: Record<string, unknown> }[];
  /** What is process 1, and stands in for a shell, where the image has none. */
  standIn?: StandIn;
}

/** A program of ours that is put into a container before it starts. */
export interface StandIn {
  path: Bytes;
  program: Buffer;
}

/**
 * What a container runs where the image's own init does not: nothing that ends. Process 1 must reap
 * what is orphaned: with SIGCHLD ignored the kernel does it.
 */
export const IDLE: Argv = [
  'sh',
  '-c',
  "trap '' CHLD; command -v tail >/dev/null && exec tail -f /dev/null; exec sleep 2147483647",
];

/** True where a container does just that, in a shell of its image. */
export function idles({ body, standIn }: Recipe): boolean {
  return !standIn && body.Cmd?.join() === IDLE.join();
}

/** The same with one mount more. */
export function withMount(recipe: Recipe, mount: MountSettings): Recipe {
  const host = recipe.body.HostConfig ?? {};
  const HostConfig = { ...host, Mounts: [...(host.Mounts ?? []), mount] };
  return { ...recipe, body: { ...recipe.body, HostConfig } };
}
