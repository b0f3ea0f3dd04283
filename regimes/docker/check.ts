import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';

import { anyOf } from '../../src/abort.ts';
import { asError, TestbedError } from '../../src/errors.ts';
import type { Place } from '../../src/place/place.ts';
import { asRoot, checkPerl, checkProgram, installing } from '../../src/place/programs.ts';
import type { CheckContext, Finding } from '../../src/regime.ts';
import { findEngine, type Address } from './address.ts';
import { ownDirectory } from './directory.ts';
import { connectEngine } from './engine.ts';

/** Milliseconds that an engine may take to answer a check. */
const ANSWER = 2000;

/** Asks the engine who it is, and looks for what the way to it needs. */
export async function checkEngine(
  name: 'docker' | 'podman',
  outer: Place,
  { signal, directory }: CheckContext,
): Promise<Finding[]> {
  const perl = checkPerl(outer, signal);
  const engine = askEngine(name, outer, `${directory}/${name}`, signal);
  const command = {
    argv: ['docker', '--version'],
    purpose: 'which reads the arguments of docker run (without it the most common are known)',
    package: 'docker-cli',
    without: 'limited',
  } as const;
  return Promise.all([perl, engine, checkProgram(outer, command, signal)]);
}

async function askEngine(
  name: 'docker' | 'podman',
  outer: Place,
  path: string,
  signal: AbortSignal,
): Promise<Finding> {
  const limit = AbortSignal.timeout(ANSWER);
  const directory = ownDirectory(path);
  let what = 'the engine';
  try {
    const address = findEngine(name, undefined, outer.isHost, false);
    what = `the engine at ${address.url || 'the usual place'}`;
    const both = anyOf(signal, limit);
    const engine = await connectEngine(address, outer, directory.short, both);
    try {
      const { Version } = await engine.docker.version();
      return { what, state: 'works', detail: `version ${Version}, API ${engine.apiVersion}` };
    } finally {
      engine.close();
    }
  } catch (cause) {
    signal.throwIfAborted();
    const detail = limit.aborted ? `no answer within ${ANSWER / 1000} s` : reasonOf(cause);
    return { what, state: 'missing', detail, ...fixFor(name, detail) };
  } finally {
    directory.remove();
  }
}

/** Only for an engine of this machine: of another one's we know nothing. */
function fixFor(name: Address['engine'], detail: string): { fix?: string } {
  if (/dockerode/.test(detail)) return { fix: 'npm install regime' };
  if (/permission denied/.test(detail) && name === 'docker') {
    return { fix: asRoot(`usermod -aG docker ${userInfo().username}`) };
  }
  if (!/no such socket|nobody listens/.test(detail)) return {};
  const program = name === 'docker' ? 'dockerd' : 'podman';
  if (!onPath(program)) return { fix: installing(name === 'docker' ? 'docker.io' : 'podman') };
  const own = process.geteuid?.() === 0 ? '' : '--user ';
  if (!existsSync('/run/systemd/system')) {
    return {
      fix: name === 'docker' ? asRoot('service docker start') : 'podman system service -t 0 &',
    };
  }
  return {
    fix:
      name === 'docker' ? asRoot('systemctl start docker') : `systemctl ${own}start podman.socket`,
  };
}

/** Without the address, which is said already. */
function reasonOf(cause: unknown): string {
  const { status, hint = '' } = cause instanceof TestbedError ? cause.details : {};
  return status === undefined ? asError(cause).message : `${status} (${hint})`;
}

function onPath(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin'];
  return folders.some((folder) => folder !== '' && existsSync(`${folder}/${program}`));
}
