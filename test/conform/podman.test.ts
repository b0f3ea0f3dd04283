import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

import { expect } from 'chai';

import { bootableTarball, debianTarball, hasFixtures } from '../support/fixtures.ts';
import { startPodman, type TestPodman } from '../support/podman.ts';
import { serverArgv } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { SOAK } from '../support/soak.ts';
import { fileTempDir } from '../support/tempdir.ts';
import { runConform } from './run-conform.ts';

const IMAGE = 'localhost/debian:test';

describe("the podman regime keeps the rules of regime-protocol(7) with podman's service", function () {
  this.timeout(900_000);
  let service: TestPodman;

  before(async function () {
    if (!hasFixtures()) skip(this, 'there is no root file system to test with');
    service = await startPodman(this);
    service.podman('import', debianTarball(), IMAGE);
  });

  async function conform(argv: readonly string[], rules: readonly string[], least: number) {
    const only = rules.flatMap((rule) => ['--only', rule]);
    const { status, output, errors, results } = await runConform(
      [...only, '--', ...argv],
      serverArgv('conform'),
    );
    const failed = results.filter((result) => !result.passed);
    expect(failed.map((one) => `${one.title}\n${one.diagnostics}`).join('\n')).to.equal('');
    expect(status, `${output.slice(-500)}${errors}`).to.equal(0);
    expect(results.length).to.be.at.least(least);
    expect(service.podman('ps', '--all', '--quiet')).to.equal('');
  }

  it('as regime podman, in what depends on the docker command', async () => {
    const server = serverArgv('podman', '--host', service.host, IMAGE, '--memory', '256m');
    await conform(server, ['CAP', 'SCRATCH'], 10);
  });

  it('as regime docker --podman, without the docker command', async () => {
    const path = fileTempDir();
    mkdirSync(path, { recursive: true });
    const script = 'for name; do ln -s "$(command -v "$name")" "$0/$name"; done';
    const tools = ['perl', 'env', 'sh', 'flock', 'tar', 'rm', 'mkdir', 'mv', 'cat', 'cp', 'chmod'];
    spawnSync('sh', ['-c', script, path, ...tools]);
    const variables = [`PATH=${path}`, `CONTAINER_HOST=${service.host}`];
    const server = ['env', ...variables, ...serverArgv('docker', '--podman', IMAGE)];
    // All of them take minutes: podman makes a container ten times as slowly as Docker does.
    if (SOAK) await conform(server, [], 150);
    else await conform(server, ['AUXVERB-1', 'ENV', 'REVERT'], 8);
  });

  it('for reboots, with systemd as process 1', async () => {
    service.podman('import', bootableTarball('systemd'), 'localhost/systemd:test');
    const rules = SOAK ? ['REBOOT'] : ['REBOOT-1', 'REBOOT-3'];
    const args = ['--host', service.host, '--init', 'localhost/systemd:test'];
    await conform(serverArgv('podman', ...args), rules, 2);
  });
});
