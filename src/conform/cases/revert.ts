import type { Bytes } from '../../bytes.ts';
import type { Case } from '../case.ts';
import { check, checkEqual, checkSame, skip } from '../check.ts';
import { has } from '../facts.ts';
import type { Bed } from '../bed.ts';
import type { Trial } from '../trial.ts';
import { COMMAND_LINES, sleeper } from './support.ts';

async function revertable(t: Trial, capability = 'revert'): Promise<Bed> {
  if (!has(t.facts, capability)) skip(`no ${capability} is advertised`);
  return t.open();
}

async function revert(bed: Bed): Promise<void> {
  checkSame(await bed.client.ask('revert'), [bed.scratch], 'the result of revert');
  await bed.refresh();
}

/** The directories out of some that commands can write to. */
async function writable(bed: Bed, directories: readonly Bytes[]): Promise<Bytes[]> {
  const script = 'for d; do [ ! -d "$d" ] || [ ! -w "$d" ] || echo "$d"; done';
  const found = (await bed.sh(script, ...directories)).split('\n').filter((line) => line !== '');
  return found.length > 0 ? found : skip('no such directory can be written to');
}

async function expectReverted(t: Trial, bed: Bed, directories: readonly Bytes[]): Promise<void> {
  const places = await writable(bed, directories);
  const name = t.unique();
  for (const place of places) await bed.sh('echo changed >"$1"', `${place}/${name}`);
  await revert(bed);
  for (const place of places) {
    check(!(await bed.test('-e', `${place}/${name}`)), `a file in ${place} is still there`);
  }
}

export const revertCases: readonly Case[] = [
  {
    rule: 'REVERT-1',
    name: 'after revert the scratch space has the same path and is empty',
    async run(t) {
      const bed = await revertable(t);
      await bed.sh('mkdir "$1/d"; : >"$1/.hidden"', bed.scratch);
      const mode = await bed.sh('stat -c "%a %u" "$1"', bed.scratch);
      await revert(bed);
      checkEqual(await bed.sh('ls -A "$1"; : >"$1/new"', bed.scratch), '', 'its content');
      checkEqual(await bed.sh('stat -c "%a %u" "$1"', bed.scratch), mode, 'its mode and owner');
    },
  },
  {
    rule: 'REVERT-2',
    name: 'revert takes new files away from the root file system',
    async run(t) {
      await expectReverted(t, await revertable(t), ['/', '/etc', '/usr', '/var/lib', '/opt']);
    },
  },
  {
    rule: 'REVERT-2',
    name: 'revert brings back what was changed and removed',
    async run(t) {
      const bed = await revertable(t);
      const [etc] = await writable(bed, ['/etc']);
      if (!etc || !(await bed.test('-w', '/etc/passwd'))) skip('/etc/passwd can not be written to');
      const before = await bed.sh('cksum </etc/passwd; ls -A /etc');
      await bed.sh(
        'echo x:x:1:1::/:/x >>/etc/passwd; mv /etc/group /etc/group.moved; rm -f /etc/shells',
      );
      await revert(bed);
      checkEqual(await bed.sh('cksum </etc/passwd; ls -A /etc'), before, '/etc');
    },
  },
  {
    rule: 'REVERT-3',
    name: 'revert-full-system takes new files away from all file systems',
    async run(t) {
      const bed = await revertable(t, 'revert-full-system');
      await expectReverted(t, bed, ['/', '/home', '/tmp', '/var/tmp', '/root', '/dev/shm', '/run']);
    },
  },
  {
    rule: 'REVERT-3',
    name: 'revert-full-system ends all processes',
    async run(t) {
      const bed = await revertable(t, 'revert-full-system');
      const name = t.unique();
      await bed.spawn(sleeper(name)).said((text) => text.includes('up'), 10_000);
      await revert(bed);
      check(!(await bed.sh(COMMAND_LINES)).split('\n').includes(name), 'a process is still there');
    },
  },
  {
    rule: 'REVERT-4',
    name: 'revert works again and again',
    async run(t) {
      const bed = await revertable(t);
      for (let round = 0; round < 4; round++) {
        checkEqual(await bed.sh('ls -A "$1"; mkdir "$1/d"', bed.scratch), '', 'the scratch space');
        await revert(bed);
      }
    },
  },
  {
    rule: 'CLOSE-2',
    name: 'after close and open the changes to the testbed are undone',
    async run(t) {
      const bed = await revertable(t);
      const places = await writable(bed, ['/', '/etc', '/usr', '/var/lib', '/opt']);
      const name = t.unique();
      for (const place of places) await bed.sh(': >"$1"', `${place}/${name}`);
      await bed.client.ask('close');
      await bed.client.ask('open');
      await bed.refresh();
      for (const place of places) {
        check(!(await bed.test('-e', `${place}/${name}`)), `a file in ${place} is still there`);
      }
    },
  },
];
