import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { matchesPatterns } from './patterns.ts';

/** A line of a known_hosts file that is about a host. */
export interface KnownKey {
  /** The line gives a key of the host, one that it must never have, or one that signs its keys. */
  readonly kind: 'key' | 'revoked' | 'authority';
  /** As ssh-ed25519. */
  readonly type: string;
  /** The public key in the wire format. */
  readonly key: Buffer;
  /** FILE:LINE, for messages. */
  readonly at: string;
}

const DEFAULT_PORT = 22;

/** The name of a host in known_hosts: with the port, where that is not the usual one. */
export function knownName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === DEFAULT_PORT ? name : `[${name}]:${port}`;
}

/** All that some files say about a host by one of its names; files that aren't there say nothing. */
export function findKnownKeys(name: string, files: readonly string[]): KnownKey[] {
  return files.flatMap((file) =>
    readLines(file).flatMap((line, index) => {
      const entry = parseLine(line);
      if (!entry || !namesHost(entry.hosts, name)) return [];
      const { kind, type, key } = entry;
      return [{ kind, type, key, at: `${file}:${index + 1}` }];
    }),
  );
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'latin1').split('\n');
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(code)) return [];
    throw cause;
  }
}

const KINDS = { '': 'key', '@revoked': 'revoked', '@cert-authority': 'authority' } as const;

/** `[@MARKER] HOSTS TYPE BASE64 [COMMENT]`, sshd(8); like ssh we pass over what is not that. */
function parseLine(line: string) {
  const words = line.trim().split(/[ \t]+/);
  const marker = words[0]?.startsWith('@') ? (words.shift() ?? '') : '';
  const [hosts, type, base64] = words;
  if (!hosts || hosts.startsWith('#') || !type || !base64 || !isKind(marker)) return undefined;
  return { kind: KINDS[marker], hosts, type, key: Buffer.from(base64, 'base64') };
}

function isKind(marker: string): marker is keyof typeof KINDS {
  return marker in KINDS;
}

function namesHost(hosts: string, name: string): boolean {
  // `|1|SALT|HASH`: one name, hidden by HMAC-SHA1 (hostfile.c of OpenSSH).
  const [, salt, hash] = /^\|1\|([^|]+)\|([^|]+)$/.exec(hosts) ?? [];
  if (salt !== undefined && hash !== undefined) return hashName(name, salt) === hash;
  return matchesPatterns(name, hosts.split(','));
}

/** The hash of a name in base64, with a salt in base64. */
export function hashName(name: string, salt: string): string {
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64');
}
