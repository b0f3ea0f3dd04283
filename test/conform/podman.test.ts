import { expect } from 'chai';

import { bootableTarball, debianTarball, hasFixtures } from '../support/fixtures.ts';
import { startPodman, type TestPodman } from '../support/podman.ts';
import { serverArgv } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { runConform } from './run-conform.ts';

describe("the podman regime keeps the rules that depend on podman's service", function () {
  this.timeout(300_000);
  let service: TestPodman;

  before(async function () {
    if (!hasFixtures()) skip(this, 'there is no root file system to test with');
    service = await startPodman(this);
    service.podman('import', debianTarball(), 'localhost/debian:test');
  });

  async function conform(rules: readonly string[], least: number, ...args: string[]) {
    const only = rules.flatMap((rule) => ['--only', rule]);
    const server = serverArgv('podman', '--host', service.host, ...args);
    const { status, output, errors, results } = await runConform(
      [...only, '--', ...server],
      serverArgv('conform'),
    );
    const failed = results.filter((result) => !result.passed);
    expect(failed.map((one) => `${one.title}\n${one.diagnostics}`).join('\n')).to.equal('');
    expect(status, `${output.slice(-500)}${errors}`).to.equal(0);
    expect(results.length).to.be.at.least(least);
    expect(service.podman('ps', '--all', '--quiet')).to.equal('');
  }

  it('for commands, their endings and their environment, and for reverts', async () => {
    // A container takes ten times as long to make as with Docker: not the whole suite.
    await conform(['AUXVERB', 'ENV', 'REVERT'], 20, 'localhost/debian:test');
  });

  it('for reboots, with systemd as process 1', async () => {
    service.podman('import', bootableTarball('systemd'), 'localhost/systemd:test');
    await conform(
      process.env['REGIME_SOAK'] ? ['REBOOT'] : ['REBOOT-1', 'REBOOT-3'],
      2,
      '--init',
      'localhost/systemd:test',
    );
  });
});
