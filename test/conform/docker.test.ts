import { spawnSync } from 'node:child_process';

import { expect } from 'chai';

import {
  importBusybox,
  importTarball,
  removeTar,
  startEngine,
  type TestEngine,
} from '../support/docker.ts';
import { bootableTarball, debianTarball, hasFixtures } from '../support/fixtures.ts';
import { serverArgv } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { SOAK } from '../support/soak.ts';
import { fileTempDir } from '../support/tempdir.ts';
import { runConform } from './run-conform.ts';

describe('the docker regime keeps the rules of regime-protocol(7)', function () {
  this.timeout(SOAK ? 1_800_000 : 300_000);
  let engine: TestEngine;

  before(async function () {
    engine = await startEngine(this);
  });

  async function conform(server: readonly string[], ...options: string[]): Promise<void> {
    const { status, output, errors, results } = await runConform(
      [...options, '--', ...server],
      serverArgv('conform'),
    );
    const failed = results.filter((result) => !result.passed);
    expect(failed.map((one) => `${one.title}\n${one.diagnostics}`).join('\n')).to.equal('');
    expect(status, `${output.slice(-500)}${errors}`).to.equal(0);
    expect(results.length).to.be.above(options.length > 2 ? 10 : options.length > 0 ? 5 : 150);
    expect(engine.containers()).to.deep.equal([]);
  }

  it('with a Debian image and the docker command', async function () {
    if (!hasFixtures()) skip(this, 'there is no root file system to test with');
    const image = importTarball(engine, debianTarball(), 'debian:test');
    await conform(serverArgv('docker', '--host', engine.host, image));
  });

  it('with a Debian image that has no tar, in what depends on it', async function () {
    if (!hasFixtures()) skip(this, 'there is no root file system to test with');
    const image = removeTar(engine, importTarball(engine, debianTarball(), 'debian:test'));
    const numbers = SOAK ? ['4', '6', '7', '8', '9', '10', '11', '16'] : ['4', '7', '11'];
    const rules = numbers.map((number) => `COPY-${number}`);
    const only = rules.flatMap((rule) => ['--only', rule]);
    await conform(serverArgv('docker', '--host', engine.host, image), ...only);
  });

  it('with an image of busybox and no docker command', async () => {
    const image = importBusybox(engine);
    const path = fileTempDir();
    const script = 'for name; do ln -s "$(command -v "$name")" "$0/$name"; done';
    const tools = ['perl', 'env', 'sh', 'flock', 'tar', 'rm', 'mkdir', 'mv', 'cat', 'cp', 'chmod'];
    spawnSync('sh', ['-c', script, path, ...tools]);
    const server = serverArgv('docker', '--host', engine.host, image);
    const rules = SOAK ? [] : ['AUXVERB', 'ENV'];
    const only = rules.flatMap((rule) => ['--only', rule]);
    await conform(['env', `PATH=${path}`, ...server], ...only);
  });

  it('with systemd as process 1, in what reboots', async function () {
    if (!hasFixtures()) skip(this, 'there is no root file system to test with');
    const image = importTarball(engine, bootableTarball('systemd'), 'systemd:test');
    const only = SOAK ? [] : ['--only', 'REBOOT'];
    await conform(serverArgv('docker', '--host', engine.host, '--init', image), ...only);
  });
});
