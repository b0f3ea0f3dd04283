import { createPrivateKey, sign as signData, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';

import type { ParsedKey } from 'ssh2';

import { asError } from '../../../src/errors.ts';
import { loadSsh2 } from './load.ts';

/** What signs: its key may still have to be deciphered. */
export interface Signer {
  /** The public key in the wire format. A passphrase may be asked for: some files hide it too. */
  publicKey(): Promise<Buffer>;
  /** Where it is from, for messages. */
  readonly label: string;
  /**
   * Signs, as ssh2's keys do.
   * @param hash the hash for RSA
   */
  sign(data: Buffer, hash: string | undefined): Promise<Buffer>;
}

/** A private key that can be used. */
export interface PrivateKey {
  publicKey: Buffer;
  sign(data: Buffer, hash: string | undefined): Buffer;
}

/** A file that names a key. */
export type KeyFile =
  | { kind: 'public'; publicKey: Buffer }
  | { kind: 'private'; key: PrivateKey }
  | { kind: 'encrypted'; publicKey?: Buffer; decipher(passphrase: Buffer): Promise<PrivateKey> };

/**
 * Reads a file of IdentityFile: a private key (OpenSSH's own form, PEM or PKCS#8), or a public one
 * whose other half an agent has.
 * @throws Error for what is no key, or a private one that others can read
 */
export async function readKeyFile(path: string): Promise<KeyFile> {
  const text = readFileSync(path);
  const { utils } = await loadSsh2();
  const first = utils.parseKey(text);
  if (!(first instanceof Error) && !first.isPrivateKey()) {
    return { kind: 'public', publicKey: first.getPublicSSH() };
  }
  checkMode(path);
  const key = await readPrivateKey(text);
  if (key) return { kind: 'private', key };
  const publicKey = publicPart(text) ?? (await publicBeside(path));
  return {
    kind: 'encrypted',
    ...(publicKey && { publicKey }),
    async decipher(passphrase) {
      const deciphered = await readPrivateKey(text, passphrase);
      if (deciphered) return deciphered;
      throw new Error('the passphrase is wrong');
    },
  };
}

/** As ssh: a private key that others can read is not used. */
function checkMode(path: string): void {
  const { uid, mode } = statSync(path);
  if (uid === process.getuid?.() && (mode & 0o077) !== 0) {
    throw new Error(`others can read it: chmod 600 ${path}`);
  }
}

/** Nothing where a passphrase is wanted, or is wrong. @throws Error for what is no private key */
async function readPrivateKey(text: Buffer, passphrase?: Buffer): Promise<PrivateKey | undefined> {
  const { utils } = await loadSsh2();
  const pem = text.toString('latin1');
  if (!/BEGIN (ENCRYPTED )?PRIVATE KEY/.test(pem)) {
    const key = utils.parseKey(text, passphrase);
    if (!(key instanceof Error)) return ofParsedKey(key);
    if (/passphrase|encrypted|decrypt/i.test(key.message)) return undefined;
    throw new Error(`it is no key that can be read: ${key.message}`);
  }
  if (passphrase === undefined && pem.includes('ENCRYPTED')) return undefined;
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: text, ...(passphrase && { passphrase }) });
  } catch (cause) {
    if (passphrase !== undefined) return undefined;
    throw new Error(`it is no key that can be read: ${asError(cause).message}`, { cause });
  }
  return ofKeyObject(key);
}

function ofParsedKey(key: ParsedKey): PrivateKey {
  return {
    publicKey: key.getPublicSSH(),
    sign: (data, hash) => {
      const signature: Buffer | Error = key.sign(data, hash);
      if (signature instanceof Error) throw signature;
      return signature;
    },
  };
}

/** PKCS#8, which ssh2 does not read: by way of the older forms, of which Ed25519 has none. */
async function ofKeyObject(key: KeyObject): Promise<PrivateKey> {
  const { utils } = await loadSsh2();
  if (key.asymmetricKeyType === 'ed25519') {
    const { x = '' } = key.export({ format: 'jwk' });
    const parts = [Buffer.from('ssh-ed25519'), Buffer.from(x, 'base64url')];
    return {
      publicKey: Buffer.concat(parts.flatMap((part) => [lengthOf(part), part])),
      sign: (data) => signData(null, data, key),
    };
  }
  const type = key.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1';
  const parsed = utils.parseKey(key.export({ type, format: 'pem' }));
  if (parsed instanceof Error) throw new Error(`it is no key that can be read: ${parsed.message}`);
  return ofParsedKey(parsed);
}

function lengthOf(part: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(part.length);
  return length;
}

/**
 * The public half, which stands in the clear in OpenSSH's own form (PROTOCOL.key): after the magic
 * the names of cipher and kdf, its options, a count, the public key, each with its length.
 */
function publicPart(text: Buffer): Buffer | undefined {
  const [, base64] = /-BEGIN OPENSSH PRIVATE KEY-+([^-]*)-/.exec(text.toString('latin1')) ?? [];
  if (base64 === undefined) return undefined;
  const data = Buffer.from(base64, 'base64');
  let at = 'openssh-key-v1\0'.length;
  const next = () => {
    const start = at + 4;
    at = start + data.readUInt32BE(at);
    return data.subarray(start, at);
  };
  next();
  next();
  next();
  at += 4;
  return next();
}

async function publicBeside(path: string): Promise<Buffer | undefined> {
  const { utils } = await loadSsh2();
  try {
    const key = utils.parseKey(readFileSync(`${path}.pub`));
    return key instanceof Error ? undefined : key.getPublicSSH();
  } catch {
    return undefined;
  }
}
