import { expect } from 'chai';

import { silentLogger } from '../../src/log.ts';
import type { Outcome, Place } from '../../src/place/place.ts';
import { loginEnvironment, readAssignments } from '../../src/session/environment.ts';
import { selfAs } from '../crash/caller.ts';
import { needRoot } from '../regimes/support/needs.ts';
import { openSession } from '../regimes/support/session.ts';
import { tempDir } from '../support/tempdir.ts';

/** A Place whose `locale -a` says what a test wants; undefined: there is no such program. */
function placeWith(locales: string | undefined): Place {
  const outcome: Outcome = {
    ending: { status: locales === undefined ? 127 : 0 },
    stdout: locales ?? '',
    stderr: '',
  };
  return {
    label: 'a fake',
    prefix: [],
    isHost: false,
    run: () => Promise.resolve(outcome),
    spawn: () => {
      throw new Error('nothing is spawned');
    },
  };
}

async function environmentOf(
  answers: Record<string, string>,
  locales?: string,
): Promise<Record<string, string>> {
  const context = {
    signal: new AbortController().signal,
    log: silentLogger,
    checkpoint: () => Promise.resolve(),
  };
  const map = new Map(Object.entries(answers));
  const list = await loginEnvironment(map, placeWith(locales), context);
  const found: Record<string, string> = {};
  for (const word of list) {
    const at = word.indexOf('=');
    found[word.slice(0, at)] = word.slice(at + 1);
  }
  return found;
}

const ROOT = { uid: '0', self: 'root:/root:/bin/bash' };

describe('the environment of a login', () => {
  it("is root's", async () => {
    expect(await environmentOf(ROOT)).to.deep.equal({
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ...{ HOME: '/root', USER: 'root', LOGNAME: 'root', SHELL: '/bin/bash' },
    });
  });

  it("is a user's, without the directories for root", async () => {
    const found = await environmentOf({ uid: '1000', self: 'joe:/home/joe:' });
    expect(found).to.include({ HOME: '/home/joe', USER: 'joe', SHELL: '/bin/sh' });
    expect(found['PATH']).to.not.include('sbin');
  });

  it('has something to say where the testbed has no account for us', async () => {
    expect(await environmentOf({ uid: '0' })).to.include({ HOME: '/root', USER: 'root' });
    expect(await environmentOf({ uid: '7', self: '' })).to.include({ HOME: '/', USER: 'nobody' });
  });

  it('takes what /etc/environment says, and then what /etc/default/locale says', async () => {
    const found = await environmentOf({
      ...ROOT,
      '/etc/environment': 'PATH="/opt/bin:/bin"\nA=1\nLANG=C\n',
      '/etc/default/locale': 'A=2\nLANG=C.UTF-8\n',
    });
    expect(found).to.include({ PATH: '/opt/bin:/bin', A: '2', LANG: 'C.UTF-8' });
  });

  for (const [named, there, lang] of [
    ['de_DE.UTF-8', 'C\nPOSIX\nde_DE.utf8\n', 'de_DE.UTF-8'],
    ['de_DE.utf8', 'de_DE.UTF-8\n', 'de_DE.utf8'],
    ['de_DE.UTF-8@euro', 'de_DE.utf8@euro\n', 'de_DE.UTF-8@euro'],
    ['de_DE.UTF-8', 'C\nPOSIX\n', 'C.UTF-8'],
    ['de_DE.UTF-8', undefined, 'C.UTF-8'],
    ['C', undefined, 'C'],
    ['', undefined, ''],
  ] as const) {
    it(`has LANG=${lang} where ${named || 'nothing'} is named and ${there === undefined ? 'locale(1) is missing' : `there is ${there.trim().split('\n').join(', ')}`}`, async () => {
      const found = await environmentOf(
        { ...ROOT, '/etc/default/locale': `LANG=${named}\nLC_TIME=xx_XX\n` },
        there,
      );
      expect(found['LANG']).to.equal(lang);
      expect(found, 'a part that is not there is left out').to.not.have.property('LC_TIME');
    });
  }
});

describe('a file of assignments', () => {
  for (const [line, expected] of [
    ['A=b', [['A', 'b']]],
    ['  export A=b  ', [['A', 'b']]],
    ['A="b c"', [['A', 'b c']]],
    ["A='b \"c'", [['A', 'b "c']]],
    ['A="b', [['A', '"b']]],
    ['A=b # a comment', [['A', 'b']]],
    ['A=b#c', [['A', 'b#c']]],
    ['A="b # c"', [['A', 'b # c']]],
    ['# A=b', []],
    ['A', []],
    ['9A=b', []],
    ['=b', []],
    ['A=', [['A', '']]],
    ['A=b=c', [['A', 'b=c']]],
    ['A=$HOME', [['A', '$HOME']]],
    ['A=\xff\xe4', [['A', '\xff\xe4']]],
    ['A=b\r', [['A', 'b']]],
    ['exportA=b', [['exportA', 'b']]],
  ] as const) {
    it(`has in ${JSON.stringify(line)} what pam_env reads there`, () => {
      expect(readAssignments(`\n${line}\n\n`)).to.deep.equal(expected);
    });
  }

  it('gives the last of several lines the last word', () => {
    expect(readAssignments('A=1\nA=2')).to.deep.equal([
      ['A', '1'],
      ['A', '2'],
    ]);
  });
});

describe('the environment of commands on a testbed', function () {
  this.timeout(30_000);
  let tree: string;

  before(function () {
    tree = needRoot(this);
  });

  it('has nothing of the caller in it', async () => {
    const caller = selfAs(tempDir());
    const env = { ...caller.env, SECRET: 'x', HOME: '/nowhere', LC_ALL: 'xx', PERL5OPT: '-d' };
    const bed = await openSession({ ...caller, env }, ['chroot', tree]);
    process.env['REGIME_TEST_LEAK'] = 'y';
    try {
      const names = (await bed.sh('env | sed "s/=.*//" | sort')).split('\n');
      const allowed = [
        'HOME',
        'LANG',
        'LOGNAME',
        'OLDPWD',
        'PATH',
        'PWD',
        'SHELL',
        'SHLVL',
        'USER',
        '_',
      ];
      expect(names.filter((name) => !allowed.includes(name))).to.deep.equal([]);
      expect(await bed.sh('echo "$HOME $USER $SHELL"')).to.equal('/root root /bin/bash');
    } finally {
      delete process.env['REGIME_TEST_LEAK'];
    }
    await bed.quit();
  });

  it('comes from its files, over a revert, odd bytes and all', async () => {
    const script =
      'printf "A=\\"b  c\\"\\nexport B=1,2%%41\\nC=\\377\\n" >/etc/environment; echo LANG=xx_XX.UTF-8 >/etc/default/locale';
    const args = ['chroot', `--setup=${script}`, tree];
    const bed = await openSession(selfAs(tempDir()), args);
    const seen = 'printf "%s|%s|%s|%s" "$A" "$B" "$C" "$LANG"';
    expect(await bed.sh(seen)).to.equal('b  c|1,2%41|\xff|C.UTF-8');
    await bed.revert();
    expect(await bed.sh(seen)).to.equal('b  c|1,2%41|\xff|C.UTF-8');
    await bed.quit();
  });
});
