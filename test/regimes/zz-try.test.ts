import { writeFileSync } from 'node:fs';
import { makeAccount } from '../support/account.ts';
import { startDropbear, startSshd } from '../support/sshd.ts';
describe('try', function () {
  it('stays', async function () {
    const sshd = await startSshd(this as never);
    this.timeout(1700_000);
    const root = makeAccount({ root: true, shell: '/bin/sh' });
    const s = makeAccount({ sudo: 'password' });
    const f = makeAccount({ sudo: 'free' });
    const u = makeAccount();
    const db = await startDropbear(this as never, [root, u]);
    this.timeout(1700_000);
    writeFileSync('/tmp/s2-pw', s.password, { mode: 0o600 });
    writeFileSync('/tmp/s2-env.sh', `PORT=${sshd.port}\nID=${sshd.identity}\nROOT=${root.name}\nSUDO=${s.name}\nFREE=${f.name}\nUSR=${u.name}\nLOGF=${sshd.config}\nARGS="-p ${sshd.port} -i ${sshd.identity} --known-hosts ${sshd.knownHosts}"\nDARGS="-p ${db.port} -i ${db.identity} --known-hosts ${db.knownHosts}"\n`);
    await new Promise((r) => { setInterval(() => {}, 1000); process.once('SIGTERM', r); });
  });
});
