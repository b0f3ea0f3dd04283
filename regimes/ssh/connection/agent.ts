import type {
  BaseAgent,
  KnownPublicKeys,
  ParsedKey,
  SignCallback,
  SigningRequestOptions,
} from 'ssh2';

import { asError } from '../../../src/errors.ts';
import type { Context } from '../../../src/regime.ts';
import type { Signer } from './keys.ts';
import { loadSsh2 } from './load.ts';
import type { Credentials } from './target.ts';

/** A key that an agent holds. */
export interface AgentKey {
  /** The public key in the wire format. */
  readonly blob: Buffer;
  readonly signer: Signer;
}

/** The keys of a target's agent; none where it does not answer. */
export async function agentKeys(
  { agent }: Pick<Credentials, 'agent'>,
  { log }: Pick<Context, 'log'>,
): Promise<AgentKey[]> {
  if (agent === undefined) return [];
  const { OpenSSHAgent } = await loadSsh2();
  const socket = new OpenSSHAgent(agent);
  try {
    const found = await new Promise<KnownPublicKeys<ParsedKey>>((resolve, reject) => {
      socket.getIdentities((cause, keys) => (cause ? reject(cause) : resolve(keys ?? [])));
    });
    return found.flatMap((identity) => {
      if (!('getPublicSSH' in identity)) return [];
      const blob = identity.getPublicSSH();
      const label = `${identity.comment || identity.type} of the agent`;
      const sign: Signer['sign'] = (data, hash) =>
        new Promise((resolve, reject) => {
          socket.sign(identity, data, hashOption(hash), (cause, signature) => {
            if (signature) resolve(signature);
            else reject(cause ?? new Error('the agent does not sign'));
          });
        });
      return [{ blob, signer: { label, publicKey: () => Promise.resolve(blob), sign } }];
    });
  } catch (cause) {
    log.debug(`the agent at ${agent} does not answer: ${asError(cause).message}`);
    return [];
  }
}

function hashOption(hash: string | undefined): SigningRequestOptions {
  return hash === 'sha256' || hash === 'sha512' ? { hash } : {};
}

/** One key as an agent, which is how ssh2 takes signatures that are made elsewhere. */
export async function agentOf(signer: Signer): Promise<BaseAgent<Buffer>> {
  const { BaseAgent: Base } = await loadSsh2();
  return new (class extends Base<Buffer> {
    override getIdentities(callback: (cause?: Error | null, keys?: Buffer[]) => void): void {
      signer.publicKey().then(
        (key) => callback(null, [key]),
        (cause: unknown) => callback(asError(cause)),
      );
    }
    override sign(
      _key: Buffer,
      data: Buffer,
      options: SigningRequestOptions | SignCallback,
      callback?: SignCallback,
    ): void {
      const [hash, tell] =
        typeof options === 'function' ? [undefined, options] : [options.hash, callback];
      signer.sign(data, hash).then(
        (signature) => tell?.(null, signature),
        (cause: unknown) => tell?.(asError(cause)),
      );
    }
  })();
}
