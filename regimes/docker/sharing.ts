import type { HostConfig } from 'dockerode';

import type { Recipe } from './recipe.ts';

/** What stands against two containers of one recipe at once, and against a full revert. */
export interface Sharing {
  /** What two of them would have in common, as "a published port". */
  shared?: string;
  /** What a container can change that does not go with it. */
  outlives?: string;
}

/** As much of an EndpointSettings of the API as counts here. */
interface Endpoint {
  IPAMConfig?: { IPv4Address?: string; IPv6Address?: string } | null;
  MacAddress?: string;
  Aliases?: string[] | null;
}

/** Looks at a recipe for what two containers of it would share. */
export function findSharing({ body, name, networks }: Recipe): Sharing {
  const host: HostConfig = body.HostConfig ?? {};
  const writable = writableVolume(host);
  const mode = host.NetworkMode ?? '';
  const endpoints = [
    ...Object.values(body.NetworkingConfig?.EndpointsConfig ?? {}),
    ...networks.map(({ body }) => body['EndpointConfig']),
  ] as (Endpoint | null | undefined)[];
  const tests: [what: string, holds: boolean][] = [
    ['a fixed name', name !== undefined],
    ['a published port', publishesPort(host)],
    [
      'a fixed address',
      endpoints.some(
        (endpoint) =>
          endpoint?.IPAMConfig?.IPv4Address ||
          endpoint?.IPAMConfig?.IPv6Address ||
          endpoint?.MacAddress,
      ) || !!(body as { MacAddress?: string }).MacAddress,
    ],
    ['an alias on a network', endpoints.some((endpoint) => endpoint?.Aliases?.length)],
    ['the network of a container', mode.startsWith('container:')],
    [
      'a device',
      !!(host.Devices as unknown[] | undefined)?.length ||
        !!(host.DeviceRequests as unknown[] | undefined)?.length,
    ],
    ['a writable volume', writable !== undefined],
  ];
  const shared = tests.find(([, holds]) => holds)?.[0];
  const outlives = writable ?? outlivesByRights(host);
  return { ...(shared && { shared }), ...(outlives && { outlives }) };
}

function publishesPort({ PortBindings }: HostConfig): boolean {
  const bindings = Object.values(
    (PortBindings ?? {}) as Record<string, ({ HostPort?: string } | null)[]>,
  );
  return bindings.flat().some((binding) => !!binding?.HostPort && binding.HostPort !== '0');
}

/** Bind mounts and named volumes; what has no name goes with its container. */
function writableVolume({ Binds, Mounts, VolumesFrom }: HostConfig): string | undefined {
  const bind = Binds?.find((word) => {
    const [, target, mode = ''] = word.split(':');
    return target !== undefined && !mode.split(',').includes('ro');
  });
  const mount = Mounts?.find(
    ({ Type, Source, ReadOnly }) => !ReadOnly && (Type === 'bind' || (Type === 'volume' && Source)),
  );
  const from = (VolumesFrom as string[] | undefined)?.find((word) => !word.endsWith(':ro'));
  const found = bind ?? mount?.Source ?? from;
  return found === undefined ? undefined : `the volume ${found} can be written to`;
}

/** As with a chroot testbed: who can change the host's network can't be reverted by us. */
function outlivesByRights(host: HostConfig): string | undefined {
  const capabilities = ((host.CapAdd ?? []) as string[]).map((word) => word.replace(/^CAP_/, ''));
  const network = host.NetworkMode === 'host';
  const mighty = host.Privileged || capabilities.some((word) => /^(ALL|NET_ADMIN)$/.test(word));
  return network && mighty ? "root there can change the host's network" : undefined;
}
