import { readKeyFile } from '../../../../regimes/ssh/connection/keys.ts';
import { keyType } from '../../../../regimes/ssh/connection/host-key.ts';

/** The line for authorized_keys of a private key that is not encrypted. */
export async function publicKeyLine(file: string): Promise<string> {
  const read = await readKeyFile(file);
  if (read.kind !== 'private') throw new Error(`${file} is not such a key`);
  return `${keyType(read.key.publicKey)} ${read.key.publicKey.toString('base64')}\n`;
}
