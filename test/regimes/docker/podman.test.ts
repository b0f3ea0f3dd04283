import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { selfAs } from '../../crash/caller.ts';
import { startPodman, type TestPodman } from '../../support/podman.ts';
import { fileTempDir, tempDir } from '../../support/tempdir.ts';
import { openSession } from '../support/session.ts';

const IMAGE = 'localhost/shellless:test';

describe("containers of podman's service", function () {
  this.timeout(120_000);
  let service: TestPodman;

  before(async function () {
    service = await startPodman(this);
    const directory = fileTempDir();
    const script = 'cp "$(command -v busybox)" "$0/busybox" && tar -C "$0" -cf "$0/x.tar" busybox';
    spawnSync('sh', ['-c', script, directory]);
    service.podman('import', `${directory}/x.tar`, IMAGE);
  });

  const open = (...args: string[]) =>
    openSession(selfAs(tempDir()), ['podman', '--host', service.host, ...args]);

  it('with nothing but a static binary run commands, copy and revert', async () => {
    const session = await open('--share', IMAGE);
    const { server, scratch } = session;
    const words = await session.run('/busybox', 'printf', '%s|', 'a b', '', 'new\n');
    expect(words).to.include({ status: 0, stdout: 'a b||new\n|' });
    const here = tempDir();
    writeFileSync(`${here}/file`, 'down', { mode: 0o755 });
    expect(await server.command(`copydown ${here}/ ${scratch}/t/`)).to.equal('ok');
    const command = `/busybox,sh,-c,/busybox%20cat%3B%20exit%205`;
    const files = `${scratch}/t/file ${scratch}/t/out /dev/null /`;
    expect(await server.command(`execute ${command} ${files}`)).to.equal('ok 5');
    expect(await server.command(`copyup ${scratch}/t/ ${here}/up/`)).to.equal('ok');
    expect(readFileSync(`${here}/up/out`, 'utf8')).to.equal('down');
    const share = (words: string) =>
      session.run('/busybox', 'sh', '-c', `/busybox ${words} "$CHECKBOX_DATA/file"`);
    await share('touch');
    await session.revert();
    expect((await share('ls')).stdout).to.match(/^\/var\/tmp\/regime-.*\.share\/file$/m);
    expect((await session.run('/busybox', 'ls', '-A', scratch)).stdout).to.equal('');
    await session.quit();
    expect(service.podman('ps', '--all', '--quiet')).to.equal('');
    expect(service.podman('volume', 'ls', '--quiet')).to.equal('');
  });

  it('that go with their image, which podman removes by force, are named so', async () => {
    const { server } = await open('--standby=0', IMAGE);
    service.podman('rmi', '--force', IMAGE);
    server.send('revert\n');
    expect((await server.ended).status).to.equal(12);
    const failures = server.stderr().match(/failure: .*/g) ?? [];
    expect(failures, server.stderr()).to.have.length(1);
    expect(failures[0]).to.match(/cannot create a container: .*\(was the image removed\?/);
  });
});
