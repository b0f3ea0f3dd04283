import type { OptionSpec } from '../../src/regime.ts';

/** What the command line of the chroot regime takes; `--help` and the manual page are made from it. */
export const chrootOptions: readonly OptionSpec[] = [
  {
    name: 'keep-home',
    help: 'Keeps what is changed in /home over a revert. Then revert is advertised, revert-full-system is not.',
  },
  { name: 'keep-tmp', help: 'The same for /tmp.' },
  {
    name: 'in-place',
    help:
      'Works in DIR itself, without an overlay and without revert, as autopkgtest-virt-chroot does. ' +
      'Waits until nobody else uses DIR, and lets nobody else use it meanwhile.',
  },
  {
    name: 'net',
    value: 'host|none',
    help: "The testbed's network: the host's (the default), or none but a loopback interface of its own.",
  },
  {
    name: 'bind',
    value: 'HOST:TESTBED[:ro]',
    repeat: true,
    help:
      'Shows a file or directory of the host in the testbed; with :ro it can not be written to there. ' +
      'What is written goes to the host and is not reverted.',
  },
  {
    name: 'size',
    value: 'SIZE',
    help: 'Keeps the changes in memory, at most SIZE (as 2G, 500M or 40%), not on disk.',
  },
  {
    name: 'pids',
    value: 'N',
    help:
      'The testbed has at most N processes at a time. Without this option, 4096 where the kernel can ' +
      'count them for each testbed (Linux 6.14 and later), else as many as the host allows.',
  },
  {
    name: 'memory',
    value: 'SIZE',
    help: "The testbed's processes use at most SIZE of memory (as 2G or 500M).",
  },
  {
    name: 'privileged',
    help:
      "Root in the testbed keeps all of the host's capabilities, and nothing of /proc and /sys is hidden. " +
      'It can then reach the host: only for tests that are trusted. revert-full-system is then advertised only with --net=none.',
  },
  {
    name: 'arch',
    value: 'ARCH',
    help:
      'What uname -m says in the testbed: a 32-bit architecture on a 64-bit kernel (as i386 or armhf), ' +
      "or the kernel's own.",
  },
  {
    name: 'gain-root',
    short: 'r',
    value: 'COMMAND',
    help: 'Becomes root by putting COMMAND (as sudo) before what it runs.',
  },
];
