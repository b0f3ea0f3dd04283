import type { Argv, Bytes } from '../../src/bytes.ts';
import { TestbedError } from '../../src/errors.ts';
import { readScript } from '../../src/place/script.ts';
import { startMonitor, type Monitor } from '../../src/place/monitor.ts';
import type { Place } from '../../src/place/place.ts';

/** What a monitor is put together from; each part uses those before it. */
const PARTS = [
  ...[
    'numbers',
    'sys',
    'mount',
    'kernel',
    'layers',
    'build-root',
    'cgroups',
    'state',
    'tarball',
    'ids',
  ],
  ...['keeper', 'seccomp', 'publish', 'reserve', 'describe', 'monitor'],
];

const LAUNCH = `
use Config;
$NR = syscall_numbers($Config{archname}) or die "perl on $Config{archname} is not known\\n";
serve($main::auxverb);
`;

/**
 * Starts a monitor for chroot testbeds, whose failures come with what to do about them.
 * @param name of the testbed that it is going to look after: who takes that away knows the monitor by it
 *   from its first moment on
 */
export function startChrootMonitor(outer: Place, gainRoot: Argv, name?: string): Monitor {
  const parts = PARTS.map(script);
  const monitor = startMonitor(outer, gainRoot, {
    monitor: ['use strict; use warnings;', ...parts, LAUNCH].join('\n'),
    auxverb: ['sys', 'enter'].map(script).join('\n'),
    ...(name !== undefined && { name }),
  });
  return {
    ...monitor,
    async ask(words, options) {
      try {
        return await monitor.ask(words, options);
      } catch (cause) {
        throw explained(cause);
      }
    },
  };
}

function explained(cause: unknown): unknown {
  if (!(cause instanceof TestbedError)) return cause;
  const { step, status = '' } = cause.details;
  const hint = hintFor(step, status);
  return hint ? new TestbedError({ ...cause.details, hint }) : cause;
}

/** What to do about the failures that users meet. */
function hintFor(step: string, reason: string): string | undefined {
  if (/apparmor_restrict/.test(reason)) {
    return 'AppArmor forbids user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run as root';
  }
  if (/user namespace|map ids/.test(step)) {
    return 'this kernel or container gives no user namespaces to a plain user; run as root';
  }
  if (/pid namespace|make namespaces/.test(step)) {
    return 'namespaces are forbidden here, as in an unprivileged container';
  }
  if (/No space/.test(reason)) return 'the file system is full';
  if (/overlay/.test(step))
    return 'is overlayfs in this kernel? try modprobe overlay, or --size 2G';
  return undefined;
}

function script(name: string): Bytes {
  return readScript(`${name}.pl`, import.meta.url);
}
