import { spawnSync } from 'node:child_process';

import { importTarball, startEngine, type TestEngine } from '../../support/docker.ts';
import { debianTarball, hasFixtures } from '../../support/fixtures.ts';
import { skip } from '../../support/skip.ts';
import { expectTerminal } from '../../session/terminal.ts';

describe('shell in a container', function () {
  this.timeout(90_000);
  let engine: TestEngine;

  before(async function () {
    if (spawnSync('expect', ['-v']).status !== 0) skip(this, 'there is no expect(1)');
    if (!hasFixtures()) skip(this, 'there is no root file system to test with');
    engine = await startEngine(this);
  });

  it('is one at a terminal: its name, its size, its job control, its variables', async () => {
    const image = importTarball(engine, debianTarball(), 'debian:test');
    await expectTerminal(['docker', image], engine.env, '/dev/(pts/[0-9]+|console)');
  });
});
