import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';

import { bufferOf, bytesOf, textOf, type Bytes } from '../../../src/bytes.ts';
import { UsageError } from '../../../src/errors.ts';

/** Where autopkgtest keeps the setup scripts that come with it. */
const SHIPPED = '/usr/share/autopkgtest/ssh-setup';

/**
 * The absolute path of a setup script: of the file where there is one of that name, else of the one
 * that autopkgtest brings along.
 * @throws UsageError where there is none, or it can't be executed
 */
export function findSetupScript(name: Bytes): Bytes {
  const candidates = [absolute(name), `${SHIPPED}/${name}`];
  const path = candidates.find((candidate) => isFile(candidate));
  if (path === undefined) {
    throw new UsageError(
      `there is no setup script ${textOf(name)}, neither here nor in ${SHIPPED}`,
    );
  }
  try {
    accessSync(bufferOf(path), constants.X_OK);
  } catch {
    throw new UsageError(`the setup script ${textOf(path)} is not executable`);
  }
  return path;
}

function absolute(path: Bytes): Bytes {
  return path.startsWith('/') ? path : `${bytesOf(resolve('.'))}/${path}`;
}

function isFile(path: Bytes): boolean {
  return statSync(bufferOf(path), { throwIfNoEntry: false })?.isFile() ?? false;
}
