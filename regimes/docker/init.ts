import type { HostConfig } from 'dockerode';

import type { Argv } from '../../src/bytes.ts';
import { TestbedError } from '../../src/errors.ts';
import { engineError, type Engine } from './engine.ts';
import type { Image } from './image.ts';
import { IDLE, type Recipe } from './recipe.ts';

/** Names the init that an image was made to boot, as `systemd`; autopkgtest-build-docker(1) sets it. */
const LABEL = 'org.debian.autopkgtest.init';

/** Whether an image is booted: as the command line says, else as the image's label does. */
export function bootsInit(wish: boolean | undefined, { labels }: Image): boolean {
  return wish ?? !/^(none|no|false|0)?$/.test(labels[LABEL] ?? '');
}

/** What a container's process 1 is. */
export function firstProcess(image: Image, init: boolean): Argv {
  if (!init) return IDLE;
  // An image that boots by itself knows best where its init is.
  const [program = ''] = image.command;
  return /(^|\/)(init|systemd)$/.test(program) ? image.command : ['/sbin/init'];
}

type Host = HostConfig & { CgroupnsMode?: 'host' | 'private' | '' };

/** What the engine hides in /proc and /sys unless it is told what to hide. */
const HIDDEN = [
  ...['asound', 'acpi', 'kcore', 'keys', 'latency_stats', 'timer_list', 'timer_stats'],
  ...['interrupts', 'sched_debug', 'scsi'],
].map((name) => `/proc/${name}`);
const RELEASE_AGENT = '/sys/fs/cgroup/systemd/release_agent';

/** The first version of the API where cgroups can be made writable and nothing else is. */
const WRITABLE_CGROUPS = 48;

/** What counts of an engine when an init is to boot. */
export interface EngineTraits {
  /** podman sees by the command's name that an init is wanted and does most of it itself. */
  podman: boolean;
  /** The version of the control groups. */
  cgroups: 1 | 2;
  /** True where root in a container is nobody outside, and the engine opens control groups or can't. */
  mapped: boolean;
  /** The minor version of its API. */
  api: number;
}

/** @throws TestbedError where the engine does not say */
export async function engineTraits({ docker, apiVersion }: Engine): Promise<EngineTraits> {
  const [version, info] = await askEngine(docker);
  return {
    podman: (version.Components ?? []).some(({ Name }) => Name.startsWith('Podman')),
    cgroups: info.CgroupVersion === '2' ? 2 : 1,
    mapped: (info.SecurityOptions ?? []).some((word) => /name=(userns|rootless)/.test(word)),
    api: Number(apiVersion.split('.')[1] ?? 0),
  };
}

async function askEngine(docker: Engine['docker']): Promise<[Version, Info]> {
  try {
    return [await docker.version(), (await docker.info()) as Info];
  } catch (cause) {
    throw engineError('the engine does not tell what it is', cause);
  }
}

/** As far as the answers of the engine count here. */
interface Version {
  Components?: { Name: string }[];
}
interface Info {
  CgroupVersion?: string;
  SecurityOptions?: string[] | null;
}

/**
 * Adds to a recipe what an init needs and the arguments of `docker run` do not give it already.
 * @throws TestbedError where the arguments leave no room for an init
 */
export function prepareForInit(engine: EngineTraits, recipe: Recipe): void {
  const { body } = recipe;
  const host: Host = { ...body.HostConfig };
  if (host.PidMode) {
    throw new TestbedError({
      step: `no init can be booted with --pid=${host.PidMode}: it has to be process 1`,
      hint: 'leave --pid out, or say --no-init',
    });
  }
  body.HostConfig = host;
  // Its console: what it says there, without colours, becomes the container's log.
  body.Tty = true;
  body.Env = ['TERM=dumb', ...(body.Env ?? [])];
  // A reaper of the engine's own would be process 1.
  host.Init = false;
  addRightToReboot(host);
  if (engine.podman) return;
  // systemd.io/CONTAINER_INTERFACE: what tells systemd, and others, that this is no machine.
  body.Env.unshift('container=docker');
  addTmpfs(recipe, host, '/run', 'exec,mode=755');
  addTmpfs(recipe, host, '/run/lock', 'mode=1777');
  const cgroups = mountPoints(recipe, host).some((path) => path.startsWith('/sys/fs/cgroup'));
  if (!host.Privileged && !cgroups) openCgroups(host, engine);
}

/**
 * With it sysvinit can end a container as it ends a machine; without it a reboot stands still at its
 * last step. In a pid namespace it ends that namespace only (reboot(2)).
 */
function addRightToReboot(host: Host): void {
  const dropped = [host.CapDrop ?? []].flat() as string[];
  if (dropped.some((name) => /^(CAP_)?(SYS_BOOT|ALL)$/i.test(name))) return;
  host.CapAdd = [...([host.CapAdd ?? []].flat() as string[]), 'SYS_BOOT'];
}

function addTmpfs(recipe: Recipe, host: Host, path: string, options: string): void {
  if (mountPoints(recipe, host).includes(path)) return;
  host.Tmpfs = { ...(host.Tmpfs as Record<string, string> | undefined), [path]: options };
}

/** Where something is mounted already. */
function mountPoints({ body }: Recipe, { Binds, Mounts, Tmpfs }: Host): string[] {
  return [
    ...(Binds ?? []).map((word) => word.split(':')[1] ?? ''),
    ...(Mounts ?? []).map(({ Target }) => Target),
    ...Object.keys((Tmpfs ?? {}) as object),
    ...Object.keys(body.Volumes ?? {}),
  ].map((path) => path.replace(/(.)\/+$/, '$1'));
}

/**
 * systemd makes control groups of its own below the container's. The engine mounts them read-only.
 * Version 1: only the hierarchy that limits nothing is opened, but all of it, as podman does.
 */
function openCgroups(host: Host, { cgroups, mapped, api }: EngineTraits): void {
  const apart = host.CgroupnsMode === 'private';
  const open = (path: string) => {
    // In a namespace of its own the container would take the host's root for its own.
    if (apart) return;
    host.CgroupnsMode = 'host';
    host.Binds = [...(host.Binds ?? []), `${path}:${path}`];
  };
  if (cgroups === 1) {
    open('/sys/fs/cgroup/systemd');
    // Kernels before 5.17 let who can write it run a program outside.
    host.MaskedPaths ??= [...HIDDEN, '/sys/firmware', RELEASE_AGENT];
  } else if (!mapped && api >= WRITABLE_CGROUPS) {
    host.CgroupnsMode ||= 'private';
    host.SecurityOpt = [...((host.SecurityOpt ?? []) as string[]), 'writable-cgroups=true'];
  } else if (!mapped) {
    open('/sys/fs/cgroup');
  }
}
