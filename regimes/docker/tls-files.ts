import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

import { UsageError } from '../../src/errors.ts';

/** The files of a connection by TLS, by their absolute paths; what is in them is read when it's used. */
export interface TlsFiles {
  /** Whom to trust; left out, whom the system trusts. */
  ca?: string;
  /** How we prove who we are, both or none. */
  cert?: string;
  key?: string;
  /** False where anybody may answer. */
  verify: boolean;
}

/** The directory of the docker command's configuration. */
export function dockerConfiguration(): string {
  return process.env['DOCKER_CONFIG'] || join(homedir(), '.docker');
}

/**
 * The rules of the docker command: either variable turns TLS on, whatever its value, and only one of
 * them asks who answers; ca.pem has to be there, the other two may be.
 * @returns undefined without TLS; else what finds the files. It throws UsageError where there are none
 */
export function tlsOfEnvironment(): (() => TlsFiles) | undefined {
  const verify = !!process.env['DOCKER_TLS_VERIFY'];
  if (!verify && !process.env['DOCKER_TLS']) return undefined;
  return () => {
    const directory = process.env['DOCKER_CERT_PATH'] || dockerConfiguration();
    const files = tlsFilesIn(directory, verify);
    if (files.ca !== undefined) return files;
    throw new UsageError(
      `there is no ${join(directory, 'ca.pem')}: DOCKER_CERT_PATH is the directory of ca.pem, cert.pem and key.pem`,
    );
  };
}

/** What there is in a directory of certificates. @throws UsageError for a certificate without its key */
export function tlsFilesIn(directory: string, verify: boolean): TlsFiles {
  const there = (name: string) => {
    const path = resolve(directory, name);
    return existsSync(path) ? path : undefined;
  };
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map(there);
  if ((cert === undefined) !== (key === undefined)) {
    const missing = cert === undefined ? 'cert.pem' : 'key.pem';
    throw new UsageError(`there is no ${missing} in ${directory}: they go in pairs`);
  }
  return { ...(ca !== undefined && { ca }), ...(cert && key && { cert, key }), verify };
}
