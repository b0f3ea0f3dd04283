import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { projectRoot } from '../support/server.ts';
import { fileTempDir } from '../support/tempdir.ts';

/** The program with its fault points, where a plain user can read it too. */
export function buildWithFaults(): string {
  const directory = fileTempDir();
  chmodSync(directory, 0o755);
  mkdirSync(`${directory}/dist`);
  symlinkSync(`${projectRoot}/node_modules`, `${directory}/node_modules`);
  writeFileSync(`${directory}/package.json`, readFileSync(`${projectRoot}/package.json`));
  const build = [`${projectRoot}/build.mjs`, `--faults=${directory}/dist`];
  const { status, stderr } = spawnSync(process.execPath, build, { encoding: 'utf8' });
  expect(status, stderr).to.equal(0);
  return `${directory}/dist/main.js`;
}
