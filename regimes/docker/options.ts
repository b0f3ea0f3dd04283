import type { OptionSpec } from '../../src/regime.ts';

/** What the command line of the docker regime takes before IMAGE; the manual page is made from it. */
export const dockerOptions: readonly OptionSpec[] = [
  {
    name: 'host',
    short: 'H',
    value: 'ADDRESS',
    help:
      'Where the engine listens: unix:///run/docker.sock, tcp://host:2376 or ssh://user@host. Without ' +
      'it: DOCKER_HOST, then the current context of the docker command, then the usual socket; with ' +
      "--podman CONTAINER_HOST, then the usual sockets of podman's service.",
  },
  {
    name: 'sudo',
    short: 's',
    help:
      "Reaches the engine's socket by sudo, for users who may not use it. sudo must not ask for a " +
      "password. With ssh:// it is the sudo of the engine's machine, and after + that of the testbed before.",
  },
  {
    name: 'pull',
    short: 'p',
    value: 'always|missing|never',
    implied: 'always',
    help:
      'When the image is fetched from its registry: always (which --pull alone means), where it is ' +
      'missing (the default), or never.',
  },
  {
    name: 'standby',
    value: 'N',
    help:
      'Keeps N containers (1 by default) created and started ahead, so that revert is a swap. 0 makes ' +
      'each revert create one. Where two containers would share something there is none ahead.',
  },
  {
    name: 'init',
    help:
      "Boots the image's init, as systemd or sysvinit, and waits until it is up: the testbed can then " +
      'run services and reboot. The default for images that bear the label org.debian.autopkgtest.init.',
  },
  { name: 'no-init', help: 'Boots no init, whatever the label of the image says.' },
  {
    name: 'shared-dir',
    value: 'DIR',
    help:
      'Makes a directory in DIR, which is made too where it is not there, and puts the scratch space ' +
      'there: the host sees it too (downtmp-host). It goes with the testbed. Only with an engine on ' +
      'this machine.',
  },
  {
    name: 'remote',
    help: 'Says that the engine is on another machine, whatever its address: nothing is shared with it.',
  },
  {
    name: 'podman',
    help: "Looks for podman's service, which speaks the same language as Docker's engine.",
  },
  {
    name: 'docker',
    help: "Looks for Docker's engine (the default with `regime docker`).",
  },
];
