import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { UsageError } from '../../src/errors.ts';
import { currentContext } from './contexts.ts';
import { tlsOfEnvironment, type TlsFiles } from './tls-files.ts';

/** Where an engine listens. It is written down: it names keys by their files only. */
export interface Address {
  engine: 'docker' | 'podman';
  /**
   * As `unix:///run/docker.sock`, `tcp://host:2376`, `ssh://user@host:22/run/docker.sock`. Empty:
   * the one that the tools of the outer Place find there.
   */
  url: string;
  /** What named it, for messages. */
  from: string;
  /** The certificates of a `tcp://` address that is reached by TLS. */
  tls?: TlsFiles;
  /** True where root's right to its socket is had by sudo, on the engine's machine. */
  sudo?: boolean;
  /** The key file for an `ssh://` address, where ssh's own configuration is not to choose. */
  identity?: string;
}

/** An address before it has been looked at. */
export type Named = Omit<Address, 'engine' | 'sudo'>;

/**
 * Finds the engine as its own tools do: a given host, the environment, the current context of the
 * docker command, the usual sockets.
 * @param host the value of --host
 * @param local false where the outer Place is another machine: then it's there that one is looked for
 * @param sudo whether sudo is used to reach it
 * @throws UsageError for an address of no use, and for certificates that aren't there
 */
export function findEngine(
  engine: Address['engine'],
  host: string | undefined,
  local: boolean,
  sudo: boolean,
): Address {
  const given = host === undefined ? undefined : { url: host, from: '--host' };
  const found = local
    ? findHere(engine, given, sudo)
    : (given ?? { url: '', from: 'the usual places' });
  const url = found.url === '' ? '' : normalise(found);
  if (sudo && local && url.startsWith('tcp:')) {
    throw new UsageError(`--sudo is for sockets, and ${url} (from ${found.from}) is none`);
  }
  return { engine, ...found, url, ...(sudo && { sudo }) };
}

function findHere(engine: Address['engine'], given: Named | undefined, sudo: boolean): Named {
  if (engine === 'podman') return withIdentity(given ?? findPodman(sudo));
  const named = given ?? fromVariable('DOCKER_HOST');
  const context = named ? undefined : currentContext();
  if (context) return context;
  // Of contexts it has its own; all else is reached by what the environment says.
  const tls = tlsOfEnvironment();
  const usual = tls ? 'tcp://localhost:2376' : 'unix:///var/run/docker.sock';
  const address = named ?? { url: usual, from: 'the usual place' };
  if (!tls || !isTcp(address.url)) return address;
  return { ...address, tls: tls() };
}

function findPodman(sudo: boolean): Named {
  const named = fromVariable('CONTAINER_HOST');
  if (named) return named;
  const runtime = process.env['XDG_RUNTIME_DIR'] || `/run/user/${process.getuid?.() ?? 0}`;
  const own = join(runtime, 'podman/podman.sock');
  const common = '/run/podman/podman.sock';
  const path = !sudo && process.getuid?.() !== 0 && existsSync(own) ? own : common;
  return { url: `unix://${path}`, from: 'the usual socket' };
}

/** podman-remote(1): CONTAINER_SSHKEY is the key for an ssh address. */
function withIdentity(named: Named): Named {
  const identity = process.env['CONTAINER_SSHKEY'];
  return identity && named.url.startsWith('ssh:') ? { ...named, identity } : named;
}

function fromVariable(name: string): Named | undefined {
  const url = process.env[name];
  return url ? { url, from: name } : undefined;
}

function isTcp(url: string): boolean {
  return !/^(?:[a-z]+:\/\/|\.?\/)/.test(url) || url.startsWith('tcp:');
}

/**
 * The rules of docker's opts.ParseHost: no scheme is a path or tcp, no host is localhost, no port is
 * 2375, with TLS too.
 */
function normalise({ url, from }: Named): string {
  const refuse = (why: string): UsageError =>
    new UsageError(`the engine's address ${withoutPassword(url)} (from ${from}): ${why}`);
  const [, scheme = '', rest = ''] = /^([a-z]+):\/\/(.*)$/.exec(url) ?? [];
  if (scheme === '') {
    if (/^\.{0,2}\//.test(url)) return `unix://${absolute(url)}`;
    if (!url.includes('://')) return normalise({ url: `tcp://${url}`, from });
  }
  if (scheme === 'unix') return `unix://${absolute(rest || '/var/run/docker.sock')}`;
  if (scheme === 'tcp') return normaliseTcp(rest, refuse);
  if (scheme === 'ssh') return normaliseSsh(url, refuse);
  if (scheme === 'npipe') throw refuse('named pipes are for Windows, and not supported');
  if (scheme === 'fd')
    throw refuse('a descriptor is for the engine to listen on, not to be reached');
  throw refuse('not unix://, tcp:// or ssh://');
}

/** podman takes `unix://run/x` for `unix:///run/x`. */
function absolute(path: string): string {
  return path.startsWith('.') ? resolve(path) : path.replace(/^\/*/, '/');
}

function normaliseTcp(rest: string, refuse: (why: string) => UsageError): string {
  const parts = /^(\[[^\]]*\]|[^:/]*)(?::(\d*))?(\/.*)?$/.exec(rest);
  const [, host, port, path = ''] = parts ?? [];
  if (!parts || Number(port) > 65535) throw refuse('not a host with a port, as tcp://host:2376');
  if (path !== '' && path !== '/') throw refuse('engines below a path are not supported');
  return `tcp://${host || 'localhost'}:${port || 2375}`;
}

function normaliseSsh(url: string, refuse: (why: string) => UsageError): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw refuse('not an address as ssh://user@host:22');
  }
  const { hostname, password, search, hash } = parsed;
  if (hostname === '') throw refuse('it names no host');
  if (password !== '') throw refuse('a password in it is not supported');
  if (search !== '' || hash !== '') throw refuse('not an address as ssh://user@host:22');
  return url.replace(/\/+$/, '');
}

/** It must not be seen in a message. */
function withoutPassword(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^/@:]*):.*@/, '$1:***@');
}
