import { bytesOf, textOf, type Argv, type Bytes } from '../../src/bytes.ts';
import { shown, UsageError } from '../../src/errors.ts';
import { isTarballName } from '../../src/place/tarball-name.ts';
import type { Arguments, Offer } from '../../src/regime.ts';
import { findEngine, type Address } from './address.ts';
import { checkSharedBase } from './shared.ts';

/** When an image is fetched. */
export type PullPolicy = 'always' | 'missing' | 'never';

/** The command line of the docker regime, checked. */
export interface DockerSettings {
  engine: 'docker' | 'podman';
  image: Bytes;
  /** Arguments of `docker run`, as they were given. */
  args: Argv;
  address: Address;
  pull: PullPolicy;
  /** Containers that are kept ready for a revert. */
  standby: number;
  /** Whether the image's init is booted; left out where the image says it. */
  init?: boolean;
  /** True where the engine is said to be on another machine, whatever its address. */
  remote: boolean;
  /** The directory of this host in which one is shared, and whether it is there. */
  shared?: { base: Bytes; there: boolean };
}

/** Checks the words of a command line. @throws UsageError */
export function readSettings(
  given: Arguments,
  engine: 'docker' | 'podman',
  local: boolean,
): DockerSettings {
  const [image, ...args] = given.operands;
  if (!image) throw new UsageError('an image is wanted, as debian:bookworm');
  if (image.startsWith('-')) throw new UsageError(`not the name of an image: ${shown(image)}`);
  if (given.flag('docker') && given.flag('podman')) {
    throw new UsageError('--docker and --podman exclude each other');
  }
  if (given.flag('init') && given.flag('no-init')) {
    throw new UsageError('--init and --no-init exclude each other');
  }
  const host = given.value('host');
  const wanted = given.flag('podman') ? 'podman' : given.flag('docker') ? 'docker' : engine;
  return {
    engine: wanted,
    image,
    args,
    address: findEngine(
      wanted,
      host === undefined ? undefined : textOf(host),
      local,
      given.flag('sudo'),
    ),
    pull: readPull(given),
    standby: readCount(given.value('standby') ?? '1'),
    ...(given.flag('init') && { init: true }),
    ...(given.flag('no-init') && { init: false }),
    remote: given.flag('remote'),
    ...readShared(given.value('shared-dir')),
  };
}

/**
 * What may be the name of an image; first as it is at the engine. A name of Docker's grammar, so no path:
 * a tarball that is not there would be one, but nobody calls an image so.
 */
export function offersFor(operand: Bytes | undefined): Offer[] {
  if (operand === undefined || !IMAGE.test(operand) || isTarballName(operand)) return [];
  const operands = [operand];
  return [
    { operands, options: { pull: 'never' } },
    { operands, fetches: true },
  ];
}

/** [HOST[:PORT]/]NAME[/NAME]...[:TAG][@DIGEST] (github.com/distribution/reference). */
const IMAGE =
  /^([A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?\/)?[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?(@[a-z0-9]+:[0-9a-f]+)?$/;

function readShared(name: Bytes | undefined): Pick<DockerSettings, 'shared'> {
  if (name === undefined) return {};
  if (name === '') throw new UsageError('--shared-dir: a directory is wanted');
  const base = name.startsWith('/') ? name : `${bytesOf(process.cwd())}/${name}`;
  const path = base.replace(/(?<=.)\/+$/, '');
  if (!isText(path)) throw new UsageError(`--shared-dir: not UTF-8: ${shown(name)}`);
  return { shared: { base: path, there: checkSharedBase(path) } };
}

/** The engine is told of it in JSON, which carries text only. */
function isText(name: Bytes): boolean {
  return bytesOf(textOf(name)) === name;
}

function readPull(given: Arguments): PullPolicy {
  const value = given.value('pull') ?? 'missing';
  if (value === 'always' || value === 'missing' || value === 'never') return value;
  throw new UsageError(`--pull: not always, missing or never: ${shown(value)}`);
}

function readCount(value: Bytes): number {
  if (/^[0-9]{1,2}$/.test(value)) return Number(value);
  throw new UsageError(`--standby: not a number of containers: ${shown(value)}`);
}
