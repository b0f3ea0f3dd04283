import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

import type { ServerHostKeyAlgorithm } from 'ssh2';

import { findKnownKeys, knownName, type KnownKey } from './known-hosts.ts';
import type { Target } from './target.ts';

/** What known_hosts says of the key that a host has shown. */
export type HostKeyVerdict =
  | { known: true }
  /** Never seen: `--host-key=accept-new` may add it. */
  | { known: false; refusal: string; hint: string; isNew: boolean };

/** What of a target its key is held against. */
export type KeyTarget = Pick<Target, 'hostName' | 'port' | 'hostKeys' | 'route'>;

/** The name by which a host is looked up and added. */
export function lookupName({ hostName, port, hostKeys }: KeyTarget): string {
  return hostKeys.alias?.toLowerCase() ?? knownName(hostName, port);
}

function keysOf(target: KeyTarget): KnownKey[] {
  const { alias, userFiles, globalFiles } = target.hostKeys;
  const files = [...userFiles, ...globalFiles];
  const found = findKnownKeys(lookupName(target), files);
  if (found.length > 0 || alias !== undefined) return found;
  // As ssh does: a host at another port may be known by its name alone.
  return findKnownKeys(target.hostName.toLowerCase(), files);
}

const RSA: readonly ServerHostKeyAlgorithm[] = ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'];

/** What may be asked for, best first; SHA-1 alone (`ssh-rsa`) only where a host has nothing else. */
const ALGORITHMS: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  ...RSA,
];

/** Host key algorithms in the order to ask for: the types that are known of the host come first. */
export function hostKeyAlgorithms(target: KeyTarget): ServerHostKeyAlgorithm[] {
  const types = keysOf(target).flatMap(({ kind, type }) => (kind === 'key' ? [type] : []));
  const isKnown = (algorithm: ServerHostKeyAlgorithm) =>
    types.includes(RSA.includes(algorithm) ? 'ssh-rsa' : algorithm);
  return [...ALGORITHMS.filter(isKnown), ...ALGORITHMS.filter((name) => !isKnown(name))];
}

/** Holds the key that a host has shown against what is known of it. */
export function judgeHostKey(target: KeyTarget, key: Buffer): HostKeyVerdict {
  const type = keyType(key);
  const known = keysOf(target);
  const shown = `its ${type} key is ${fingerprint(key)}`;
  const refuse = (refusal: string, hint: string, isNew = false): HostKeyVerdict => ({
    known: false,
    refusal,
    hint,
    isNew,
  });
  const revoked = known.find((line) => line.kind === 'revoked' && line.key.equals(key));
  if (revoked) return refuse(`its host key is revoked by ${revoked.at}`, shown);
  const keys = known.filter(({ kind }) => kind === 'key');
  if (keys.some((line) => line.key.equals(key))) return { known: true };
  const other = keys.find((line) => line.type === type) ?? keys[0];
  if (other) {
    return refuse(
      `its host key is not the one in ${other.at}, so that this may be another machine`,
      `${shown}; where it is right, remove the old key: ssh-keygen ${removal(target, other)}`,
    );
  }
  const authority = known.find(({ kind }) => kind === 'authority');
  if (authority) {
    return refuse(
      `it is known by a certificate authority only (${authority.at}), and certificates of hosts are not supported`,
      `${shown}; add that with ${addition(target)}`,
    );
  }
  return refuse(
    'its host key is not known',
    target.route
      ? `${shown}; compare that, and have it added with --host-key=accept-new`
      : `${shown}; compare that, and add it with ${addition(target)}, or give --host-key=accept-new`,
    true,
  );
}

function removal(target: KeyTarget, { at }: KnownKey): string {
  return `-f ${at.replace(/:\d+$/, '')} -R '${lookupName(target)}'`;
}

/** The command that adds a host's keys. An alias is what ssh-keyscan can't know. */
function addition({ hostName, port, hostKeys }: KeyTarget): string {
  const { alias, userFiles, hashNames } = hostKeys;
  const scan = `ssh-keyscan ${hashNames ? '-H ' : ''}${port === 22 ? '' : `-p ${port} `}${hostName}`;
  const rename = alias === undefined ? '' : ` | sed 's/^[^# ]*/${alias}/'`;
  const [file = '~/.ssh/known_hosts'] = userFiles;
  const make =
    userFiles.length > 0 && !existsSync(dirname(file)) ? `mkdir -m 700 ${dirname(file)}; ` : '';
  return `${make}${scan}${rename} >>${file}`;
}

/** SHA256:BASE64, as ssh-keygen -l writes it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The type that a public key in the wire format begins with. */
export function keyType(key: Buffer): string {
  return key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');
}
