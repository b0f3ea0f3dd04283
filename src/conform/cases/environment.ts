import type { Case } from '../case.ts';
import { check, checkEqual, skip } from '../check.ts';
import type { Bed } from '../bed.ts';
import type { Trial } from '../trial.ts';

const MARK = 'REGIME_CONFORM_MARK';

/** An environment of the caller that nothing on a testbed should see. */
function strange(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PATH: `${process.env['PATH'] ?? ''}:/regime-conform/path`,
    HOME: '/regime-conform/home',
    USER: 'regime-conform-user',
    SHELL: '/regime-conform/shell',
    [MARK]: 'regime-conform',
  };
}

async function strangeBed(t: Trial): Promise<Bed> {
  if (t.facts.isHost) skip('the testbed is the host itself');
  return t.open({ env: strange() });
}

async function variables(bed: Bed): Promise<Map<string, string>> {
  const { stdout } = await bed.run(['env', '-0'], { env: strange() });
  return new Map(
    stdout
      .split('\0')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

export const environmentCases: readonly Case[] = [
  {
    rule: 'ENVIRONMENT-1',
    name: "commands do not see the variables of the caller's environment",
    async run(t) {
      const found = await variables(await strangeBed(t));
      for (const [name, value] of found) {
        check(!value.includes('regime-conform/') && name !== MARK, `${name} is ${value}`);
      }
    },
  },
  {
    rule: 'ENVIRONMENT-2',
    name: 'HOME, USER and SHELL are those of the account on the testbed',
    async run(t) {
      const bed = await strangeBed(t);
      const found = await variables(bed);
      const script =
        'while IFS=: read -r n p u g c h s; do [ "$u" = "$1" ] && echo "$n:$h:$s"; done';
      const uid = (await bed.sh('id -u')).trim();
      const listed = await bed.sh(`${script} </etc/passwd; :`, uid);
      const [account] = listed.split('\n');
      if (!account) skip(`uid ${uid} has no line in /etc/passwd of the testbed`);
      const [user, home, shell] = account.split(':');
      checkEqual(found.get('USER'), user, 'USER');
      checkEqual(found.get('HOME'), home, 'HOME');
      checkEqual(found.get('SHELL'), shell || '/bin/sh', 'SHELL');
    },
  },
  {
    rule: 'ENVIRONMENT-2',
    name: 'PATH names the directories of a login',
    async run(t) {
      const found = await variables(await strangeBed(t));
      const path = (found.get('PATH') ?? '').split(':');
      const wanted =
        t.facts.uid === 0 ? ['/usr/bin', '/bin', '/usr/sbin', '/sbin'] : ['/usr/bin', '/bin'];
      for (const directory of wanted) {
        check(path.includes(directory), `PATH is ${path.join(':')}, without ${directory}`);
      }
    },
  },
];
