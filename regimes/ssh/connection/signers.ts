import { existsSync } from 'node:fs';

import { asError } from '../../../src/errors.ts';
import type { Context } from '../../../src/regime.ts';
import { agentKeys, type AgentKey } from './agent.ts';
import { ask } from './ask.ts';
import { readKeyFile, type KeyFile, type PrivateKey, type Signer } from './keys.ts';
import { ATTEMPTS } from './passwords.ts';
import type { Credentials } from './target.ts';

type Surroundings = Pick<Context, 'signal' | 'log'>;

/**
 * What may sign, in the order to try it: the keys of the files that were named, those of them that
 * an agent has being signed by it; then the agent's other keys; then the files that people mostly
 * have. The files that were named come first so that the server does not lose patience with all
 * that an agent holds (MaxAuthTries).
 */
export async function findSigners(
  credentials: Credentials,
  context: Surroundings,
): Promise<Signer[]> {
  const { identityFiles, namesFiles, identitiesOnly } = credentials;
  const inAgent = await agentKeys(credentials, context);
  const files: Signer[] = [];
  const taken = new Set<AgentKey>();
  for (const path of identityFiles) {
    if (!existsSync(path)) {
      if (namesFiles) context.log.warn(`there is no key ${path}`);
      continue;
    }
    try {
      const file = await readKeyFile(path);
      const publicKey = file.kind === 'private' ? file.key.publicKey : file.publicKey;
      const held = inAgent.find((key) => publicKey && key.blob.equals(publicKey));
      if (held) taken.add(held);
      const signer = held?.signer ?? fileSigner(path, file, credentials, context);
      if (signer) files.push(signer);
      else context.log.warn(`${path} is a public key, and no agent has the private one`);
    } catch (cause) {
      context.log.warn(`the key ${path} can not be used: ${asError(cause).message}`);
    }
  }
  const others = identitiesOnly ? [] : inAgent.filter((key) => !taken.has(key));
  const rest = others.map(({ signer }) => signer);
  return namesFiles ? [...files, ...rest] : [...rest, ...files];
}

function fileSigner(
  path: string,
  file: KeyFile,
  credentials: Credentials,
  context: Surroundings,
): Signer | undefined {
  if (file.kind === 'public') return undefined;
  const unlock = (): Promise<PrivateKey> =>
    file.kind === 'private'
      ? Promise.resolve(file.key)
      : decipher(path, file, credentials, context);
  return {
    label: path,
    publicKey: async () =>
      (file.kind === 'encrypted' ? file.publicKey : undefined) ?? (await unlock()).publicKey,
    sign: async (data, hash) => (await unlock()).sign(data, hash),
  };
}

/** Asks for the passphrase only when the server has said that it takes the key. */
async function decipher(
  path: string,
  file: Extract<KeyFile, { kind: 'encrypted' }>,
  { answers, mayAsk }: Credentials,
  { signal }: Surroundings,
): Promise<PrivateKey> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const known = answers.get(path);
    const prompt = `${attempt === 0 ? '' : 'Wrong. '}Passphrase for the key ${path}:`;
    const passphrase = known ?? (mayAsk ? await ask({ prompt, signal }) : undefined);
    if (passphrase === undefined) {
      throw new Error(
        `${path} wants a passphrase, and there is no terminal to ask on: use ssh-agent(1)`,
      );
    }
    try {
      const key = await file.decipher(Buffer.from(passphrase, 'latin1'));
      answers.set(path, passphrase);
      return key;
    } catch {
      answers.delete(path);
    }
  }
  throw new Error(`the passphrase for ${path} is wrong`);
}
