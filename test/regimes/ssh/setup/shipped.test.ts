import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { selfAs, type Caller } from '../../../crash/caller.ts';
import { makeAccount } from '../../../support/account.ts';
import { startMachine, type TestMachine } from '../../../support/machine.ts';
import { freePort } from '../../../support/port.ts';
import { skip } from '../../../support/skip.ts';
import { SOAK } from '../../../support/soak.ts';
import { tempDir } from '../../../support/tempdir.ts';
import { openSession } from '../../support/session.ts';

/** Where autopkgtest has its setup scripts. */
const SHIPPED = '/usr/share/autopkgtest/ssh-setup';

describe('a setup script of autopkgtest', function () {
  this.timeout(120_000);
  let box: TestMachine;
  let directory: string;
  let caller: Caller;

  before(async function () {
    if (!existsSync(`${SHIPPED}/nova`)) skip(this, 'there is no autopkgtest to test with');
    box = await startMachine(this);
  });

  beforeEach(() => {
    directory = tempDir();
    mkdirSync(`${directory}/programs`);
    const own = selfAs(directory);
    const PATH = `${directory}/programs:${process.env['PATH'] ?? ''}`;
    caller = { ...own, env: { ...own.env, PATH, HOME: directory } };
  });

  /** A program that stands in for one of a cloud's; it notes down what it is called with. */
  function fake(name: string, script: string): void {
    const text = `#!/bin/sh\necho "${name} $*" >>${directory}/calls\n${script}`;
    writeFileSync(`${directory}/programs/${name}`, text, { mode: 0o755 });
  }
  /** What they were called with, of what a test wants to know. */
  const calls = (which: RegExp) =>
    readFileSync(`${directory}/calls`, 'utf8')
      .split('\n')
      .filter((line) => which.test(line));
  const reach = () => ['-p', String(box.port), '-i', box.identity];
  const sshToBox = () => `/usr/bin/${box.ssh('root').join(' ')}`;
  const rebootBox = () => `${sshToBox()} reboot || :; sleep 0.5`;
  /** What a script that logs in by itself needs: its own idea of a port is another. */
  const fakeSsh = () =>
    fake('ssh', `case "$*" in *boot-finished*) ;; *) exec ${sshToBox()} true ;; esac`);

  it('(SKELETON), filled in, starts and ends the ssh server that is tested on', async () => {
    const account = makeAccount({ shell: '/bin/sh', sudo: 'password' });
    const script = `${directory}/setup`;
    const own = `${directory}/sshd`;
    const port = await freePort();
    const start = `
      mkdir ${own}
      ssh-keygen -q -t ed25519 -N '' -f ${own}/key
      ssh-keygen -q -t ed25519 -N '' -f ${own}/identity
      cat >${own}/config <<END
ListenAddress 127.0.0.1
Port ${port}
HostKey ${own}/key
PidFile ${own}/pid
AuthorizedKeysFile ${own}/identity.pub
StrictModes no
UsePAM no
END
      mkdir -p /run/sshd
      unshare --mount sh -c 'mount -t tmpfs -o mode=1777 locks /run/lock && exec "$@"' sh \\
        /usr/sbin/sshd -f ${own}/config -E ${own}/log`;
    const text = readFileSync(`${SHIPPED}/SKELETON`, 'utf8')
      .replace("SUDO_PASSWORD=''", `SUDO_PASSWORD='${account.password}'`)
      .replace('open() {', `open() {${start}`)
      .replace('login=<username>', `login=${account.name}`)
      .replace('hostname=<host>', `hostname=127.0.0.1\nport=${port}`)
      .replace('$HOME/.ssh/id_rsa', `${own}/identity`)
      .replace(/extraopts=.*/, `extraopts=${own}`)
      .replace('cleanup() {', 'cleanup() {\n    kill "$(cat "$2/pid")"');
    writeFileSync(script, text, { mode: 0o755 });
    const bed = await openSession(caller, ['ssh', '-s', script]);
    expect(await bed.capabilities()).to.include.members(['root-on-testbed', 'isolation-machine']);
    expect(await bed.sh('id -u')).to.equal('0');
    await bed.quit();
    expect(existsSync(`${own}/pid`)).to.equal(false);
  });

  it('(nova) makes, reverts, reboots, shows and deletes an instance', async () => {
    fakeSsh();
    // It looks for an image by a library that is not there.
    fake('python3', 'cat >/dev/null; printf "image-id\\tDebian\\n"');
    fake(
      'nova',
      `case "$1 $2" in
        'keypair-list '*) echo '| mine | aa:bb:cc |' ;;
        '--debug boot') echo '| id | uuid-7 |'; touch ${directory}/exists ;;
        'show --minimal') echo '| lan network | 127.0.0.1 |' ;;
        'show '*) test -e ${directory}/exists ;;
        'delete '*) rm ${directory}/exists; ${rebootBox()} ;;
        'reboot '*) ${rebootBox()} ;;
        'console-log '*) echo 'login prompt here' ;;
      esac`,
    );
    const words = ['ssh', '-s', 'nova', ...reach(), '-l', 'root'];
    const bed = await openSession(caller, [
      ...words,
      '--',
      '-f',
      'small',
      '-i',
      'D',
      '--nova-reboot',
    ]);
    expect(await bed.capabilities()).to.include.members(['revert-full-system', 'reboot']);
    await bed.sh('touch /root/new');
    await bed.revert();
    expect(await bed.sh('ls /root')).to.equal('');
    expect(await bed.server.command('reboot')).to.equal('ok');
    expect(await bed.server.command('auxverb-debug-fail')).to.equal('ok');
    expect(bed.server.stderr()).to.include('login prompt here');
    await bed.quit();
    expect(
      calls(/^nova (--debug|delete|reboot)/).map((line) => line.split(' --flavor')[0]),
    ).to.deep.equal([
      'nova --debug boot',
      'nova delete uuid-7',
      'nova --debug boot',
      'nova reboot --poll uuid-7',
      'nova delete uuid-7',
    ]);
    expect(existsSync(`${directory}/exists`)).to.equal(false);
  });

  // Its way is nova's, with other words.
  if (SOAK) {
    it('(maas) acquires, reverts and releases a machine, and logs out', async () => {
      fakeSsh();
      fake(
        'maas',
        `case "$1 $2 $3" in
        *' nodes acquire') echo 10 >${directory}/substate; printf '"system_id": "id-7",\\n"hostname": "box",\\n' ;;
        *' node start') echo 6 >${directory}/substate ;;
        *' node read') printf '"substatus": %s,\\n"ip_addresses": [\\n "127.0.0.1"\\n' "$(cat ${directory}/substate)" ;;
        *' node release') ${rebootBox()} ;;
      esac`,
      );
      // It has a user of its own, whom the machine does not know.
      const words = ['ssh', '-s', 'maas', ...reach(), '-H', 'root@127.0.0.1'];
      const bed = await openSession(caller, [...words, '--', 'http://maas.invalid', 'KEY']);
      expect(await bed.capabilities()).to.include.members([
        'revert-full-system',
        'isolation-machine',
      ]);
      await bed.sh('touch /root/new');
      await bed.revert();
      expect(await bed.sh('ls /root')).to.equal('');
      await bed.quit();
      const done = calls(/^maas (log|.* (acquire|release))/).map((line) =>
        line.replace(/autopkgtest-\d+/, 'API'),
      );
      expect(done).to.deep.equal([
        'maas login API http://maas.invalid KEY',
        'maas API nodes acquire',
        'maas API node release id-7',
        'maas logout API',
        'maas login API http://maas.invalid KEY',
        'maas API nodes acquire',
        'maas API node release id-7',
        'maas logout API',
      ]);
    });
  }
});
