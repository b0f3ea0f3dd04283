import { readFileSync } from 'node:fs';

import { bufferOf, textOf, type Bytes } from '../../src/bytes.ts';
import { UsageError } from '../../src/errors.ts';
import type { Arguments } from '../../src/regime.ts';
import type { Request } from './connection/target.ts';

/** What the command line says; plain JSON, without secrets. */
export interface SshSettings {
  request: Request;
  /** A file that holds the password. */
  passwordFile?: Bytes;
}

/** Checks the command line. @throws UsageError */
export function readSettings(given: Arguments): SshSettings {
  const [named, ...more] = given.operands;
  if (named === undefined || more.length > 0)
    throw new UsageError('it takes one operand, [USER@]HOST');
  const at = named.lastIndexOf('@');
  const port = given.value('port');
  const knownHosts = given.value('known-hosts');
  const passwordFile = given.value('password');
  return {
    request: {
      host: textOf(named.slice(at + 1)),
      ...(at > 0 && { user: textOf(named.slice(0, at)) }),
      ...(port !== undefined && { port: Number(port) }),
      identityFiles: given.values('identity').map(textOf),
      ...(knownHosts !== undefined && { knownHosts: textOf(knownHosts) }),
    },
    ...(passwordFile !== undefined && { passwordFile }),
  };
}

/** The password that was given, without the newline that ends its file. */
export function readPassword({ passwordFile }: SshSettings): Promise<Bytes | undefined> {
  if (passwordFile === undefined) return Promise.resolve(undefined);
  return Promise.resolve(readFileSync(bufferOf(passwordFile), 'latin1').replace(/\r?\n$/, ''));
}
