import { expect } from 'chai';
import { statSync } from 'node:fs';

import { importTarball, startEngine, type TestEngine } from '../support/docker.ts';
import { bootableTarball, harnessTarball, hasFixtures } from '../support/fixtures.ts';
import { serverPath } from '../support/server.ts';
import { skip } from '../support/skip.ts';
import { expectSame } from './compare.ts';
import { fixturePackage, hasHarness, runHarness } from './run-harness.ts';

describe('autopkgtest with the regime docker', function () {
  this.timeout(240_000);
  let engine: TestEngine;
  let image: string;

  before(async function () {
    if (!hasHarness()) skip(this, 'autopkgtest is not installed');
    if (!hasFixtures()) skip(this, 'there is no Debian tree');
    engine = await startEngine(this);
    image = importTarball(engine, harnessTarball(), 'harness:test');
  });

  const { dev, ino } = statSync('/');
  const inContainer = `--env=REGIME_HOST_ROOT=${dev}:${ino}`;
  const run = (server: string[], subject: string, ...options: string[]) =>
    runHarness({
      ...{ server, options, env: { DOCKER_HOST: engine.host } },
      subject: fixturePackage(subject),
    });

  it("comes to the same end as with the incumbents' docker server, with tests that break their testbed", async () => {
    const [ours, theirs] = await Promise.all([
      run([serverPath(), 'docker', image], 'restores', inContainer),
      run(['docker', image], 'restores', inContainer),
    ]);
    expectSame(ours, theirs);
    expect(ours.verdicts).to.deep.equal({
      clean: 'PASS',
      breaks: 'PASS',
      'clean-again': 'PASS',
      'breaks-and-fails': 'FAIL non-zero exit status 7',
      'clean-at-last': 'PASS',
    });
    expect(engine.containers()).to.deep.equal([]);
  });

  it('finds it whole even after what the incumbent does not get over', async () => {
    const { verdicts, log, sessions } = await run(
      [serverPath(), 'docker', image],
      'breakage',
      inContainer,
      // The engine mounts three files in /etc, which can't be removed.
      '--env=REGIME_WRECK=/usr/share /etc/apt /etc/dpkg /var/lib/dpkg /home /root',
      '--setup-commands=touch /var/lib/set-up; chmod 644 /var/lib/set-up',
    );
    expect(Object.values(verdicts), log).to.deep.equal(Array(5).fill('PASS'));
    expect(sessions()).to.deep.equal([]);
  });

  it('ends a test whose time is up, as the incumbent does', async () => {
    const [ours, theirs] = await Promise.all([
      run([serverPath(), 'docker', image], 'timeouts', '--timeout-test=3'),
      run(['docker', image], 'timeouts', '--timeout-test=3'),
    ]);
    expectSame(ours, theirs);
  });

  it('runs tests that reboot where an init is booted', async () => {
    const systemd = importTarball(engine, bootableTarball('systemd'), 'systemd:test');
    const { verdicts, log, sessions } = await run(
      [serverPath(), 'docker', '--init', systemd],
      'reboots',
    );
    expect(verdicts, log).to.deep.equal({
      'reboots-twice': 'PASS',
      'prepares-itself': 'PASS',
      'fails-after-reboot': 'FAIL non-zero exit status 5',
      'is-whole-again': 'PASS',
      'runs-a-service': 'PASS',
    });
    expect(sessions()).to.deep.equal([]);
  });

  it('comes to the same end as the incumbent with an init that boots there, but for reboots', async () => {
    const sysvinit = importTarball(engine, bootableTarball('sysvinit'), 'sysvinit:test');
    const [ours, theirs] = await Promise.all([
      run([serverPath(), 'docker', '--init', sysvinit], 'reboots'),
      run(['docker', '--init', sysvinit], 'reboots'),
    ]);
    const others = ['is-whole-again', 'runs-a-service'];
    for (const name of others)
      expect(ours.verdicts[name], ours.log).to.equal(theirs.verdicts[name]);
    expect(ours.verdicts['prepares-itself'], ours.log).to.equal('PASS');
    expect(theirs.verdicts['prepares-itself'], theirs.log).to.match(/^SKIP/);
    expect(engine.containers()).to.deep.equal([]);
  });
});
