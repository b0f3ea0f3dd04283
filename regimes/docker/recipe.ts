import type { ContainerCreateOptions, MountSettings } from 'dockerode';

import type { Argv } from '../../src/bytes.ts';

/** How the containers of a testbed are made: what the engine is asked, but for name and labels. */
export interface Recipe {
  /** The body of the engine's create request. */
  body: ContainerCreateOptions;
  /** A name that the user gave. */
  name?: string;
  platform?: string;
  /** Networks that a container is connected to before it starts, as the engine is asked. */
  networks: { network: string; body: Record<string, unknown> }[];
}

/**
 * What a container runs where the image's own init does not: nothing that ends. Process 1 must reap
 * what is orphaned: with SIGCHLD ignored the kernel does it.
 */
export const IDLE: Argv = ['sh', '-c', "trap '' CHLD; exec tail -f /dev/null"];

/** The same with one mount more. */
export function withMount(recipe: Recipe, mount: MountSettings): Recipe {
  const host = recipe.body.HostConfig ?? {};
  const HostConfig = { ...host, Mounts: [...(host.Mounts ?? []), mount] };
  return { ...recipe, body: { ...recipe.body, HostConfig } };
}
