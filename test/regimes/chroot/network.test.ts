import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';

import { expect } from 'chai';

import { selfAs } from '../../crash/caller.ts';
import { cleanUpAfterTest } from '../../support/clean-up.ts';
import { tempDir } from '../../support/tempdir.ts';
import { needRoot } from '../support/needs.ts';
import { openSession } from '../support/session.ts';

/** bash connects by itself; the tree needs no tool for it. */
const connect = (port: number) => `bash -c ': </dev/tcp/127.0.0.1/${port}' 2>/dev/null`;

describe("a chroot testbed's network", function () {
  this.timeout(60_000);
  let tree: string;

  before(function () {
    tree = needRoot(this);
  });

  const listen = async (): Promise<number> => {
    const service: Server = createServer((socket) => socket.end());
    cleanUpAfterTest(() => void service.close());
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
    return (service.address() as AddressInfo).port;
  };

  it("is the host's: its services are reached", async () => {
    const port = await listen();
    const bed = await openSession(selfAs(tempDir()), ['chroot', '--net=host', tree]);
    expect(await bed.sh(`${connect(port)} && echo reached`)).to.equal('reached');
    await bed.quit();
  });

  it('is none but a loopback that is up with --net=none', async () => {
    const port = await listen();
    const bed = await openSession(selfAs(tempDir()), ['chroot', '--net=none', tree]);
    expect(await bed.sh('sed -n "s/:.*//p" /proc/net/dev')).to.match(/^\s*lo$/);
    expect(await bed.sh(`${connect(port)} || echo alone`)).to.equal('alone');
    expect(await bed.sh('ls /sys/class/net')).to.equal('lo');
    const refused = await bed.run('bash', '-c', ': </dev/tcp/127.0.0.1/9');
    expect(refused.stderr, 'refused, not unreachable: it is up').to.include('refused');
    await bed.revert();
    expect(await bed.sh(`${connect(port)} || echo alone`)).to.equal('alone');
    await bed.quit();
  });

  it('reverts what root did to it with --net=none', async () => {
    const args = ['chroot', '--net=none', '--privileged', tree];
    const bed = await openSession(selfAs(tempDir()), args);
    expect(await bed.capabilities()).to.include('revert-full-system');
    // A new network namespace takes this over from the host's.
    const setting = '/proc/sys/net/ipv4/ip_forward';
    const before = await bed.sh(`cat ${setting}`);
    await bed.sh(`echo ${before === '1' ? 0 : 1} >${setting}`);
    await bed.revert();
    expect(await bed.sh(`cat ${setting}`)).to.equal(before);
    await bed.quit();
  });

  it('has a host name of its own, so that setting it does not reach the host', async () => {
    const bed = await openSession(selfAs(tempDir()), ['chroot', '--privileged', tree]);
    await bed.sh('echo other >/proc/sys/kernel/hostname');
    expect(await bed.sh('cat /proc/sys/kernel/hostname')).to.equal('other');
    expect(hostname()).not.to.equal('other');
    await bed.revert();
    expect(await bed.sh('cat /proc/sys/kernel/hostname')).to.equal(hostname());
    await bed.quit();
  });
});
