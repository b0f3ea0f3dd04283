import type { Case } from '../case.ts';
import { check, checkEqual, skip } from '../check.ts';
import { has } from '../facts.ts';

const BOOT = 'cat /proc/sys/kernel/random/boot_id; cut -d" " -f22 /proc/1/stat';
const MARK = '/run/autopkgtest-reboot-prepare-mark';

export const rebootCases: readonly Case[] = [
  {
    rule: 'REBOOT-1',
    name: 'after reboot the scratch space is as it was, and the testbed was started anew',
    async run(t) {
      if (!has(t.facts, 'reboot')) skip('no reboot is advertised');
      const bed = await t.open();
      await bed.sh('cd "$1"; mkdir d; echo kept >d/file; chmod 750 d', bed.scratch);
      const before = await bed.sh(BOOT);
      checkEqual((await bed.client.request('reboot')).line, 'ok', 'the reply');
      await bed.refresh();
      checkEqual(
        await bed.sh('cat "$1/d/file"; stat -c %a "$1/d"', bed.scratch),
        'kept\n750\n',
        'it',
      );
      check((await bed.sh(BOOT)) !== before, 'it is the same boot');
    },
  },
  {
    rule: 'REBOOT-2',
    name: 'reboot prepare-only removes the mark and waits for the testbed to go down',
    async run(t) {
      if (!has(t.facts, 'reboot')) skip('no reboot is advertised');
      if (!has(t.facts, 'root-on-testbed')) skip('no root-on-testbed is advertised');
      const bed = await t.open();
      const before = await bed.sh(BOOT);
      // What a test does: leave the mark, wait until it is gone, then reboot.
      const script = `touch ${MARK}; echo up; while [ -e ${MARK} ]; do sleep 0.1; done; reboot`;
      const running = bed.spawn(['sh', '-c', script]);
      await running.said((text) => text.includes('up'), 10_000);
      checkEqual((await bed.client.request('reboot', 'prepare-only')).line, 'ok', 'the reply');
      await bed.refresh();
      check((await bed.sh(BOOT)) !== before, 'it is the same boot');
    },
  },
];
