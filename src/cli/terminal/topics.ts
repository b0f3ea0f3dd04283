/** Something that `help` explains. */
export interface Topic {
  name: string;
  /** How it is written, for a command. */
  usage?: string;
  text: string;
}

/** What a person at the terminal can say, and the capabilities: regime-protocol(7) in short. */
export const topics: readonly Topic[] = [
  { name: 'open', usage: 'open', text: 'Makes the testbed. Answers with its scratch space.' },
  {
    name: 'revert',
    usage: 'revert',
    text: 'Puts the testbed back to what it was after open. The scratch space is empty again.',
  },
  {
    name: 'reboot',
    usage: 'reboot [prepare-only]',
    text:
      'Reboots the testbed; the scratch space is kept. With prepare-only waits until it goes down ' +
      'by itself.',
  },
  { name: 'close', usage: 'close', text: 'Takes the testbed away.' },
  {
    name: 'copydown',
    usage: 'copydown HOST TESTBED',
    text: 'Copies a file to the testbed, or a directory where both names end in a slash.',
  },
  {
    name: 'copyup',
    usage: 'copyup TESTBED HOST',
    text: 'Copies a file from the testbed, or a directory where both names end in a slash.',
  },
  {
    name: '!',
    usage: '!COMMAND [ARG]...',
    text: 'Runs a command on the testbed, on this terminal.',
  },
  {
    name: 'shell',
    usage: 'shell [DIRECTORY [VAR=VALUE]...]',
    text: 'Opens a shell on the testbed, in the scratch space where no directory is named.',
  },
  {
    name: 'execute',
    usage: 'execute PROG,ARG,... STDIN STDOUT STDERR DIRECTORY [KEYWORD]...',
    text:
      'Runs a command on the testbed with files of the testbed as its input and output. Keywords: ' +
      'env=VAR=VALUE, timeout=SECONDS, debug=FROM-TO.',
  },
  {
    name: 'capabilities',
    usage: 'capabilities',
    text: 'Answers with what the testbed can do.',
  },
  {
    name: 'print-execute-command',
    usage: 'print-execute-command',
    text: 'Answers with the command that runs another on the testbed when it stands before it.',
  },
  {
    name: 'print-auxverb-command',
    usage: 'print-auxverb-command',
    text: 'The same, in the words of older harnesses.',
  },
  {
    name: 'print-shstring-command',
    usage: 'print-shstring-command',
    text: 'Answers with the command that runs a script when that stands behind it.',
  },
  {
    name: 'auxverb-debug-fail',
    usage: 'auxverb-debug-fail',
    text: 'Shows what is known of a failure: logs, console, state.',
  },
  {
    name: 'help',
    usage: 'help [NAME]',
    text: 'Explains a command or a capability, or lists them.',
  },
  { name: 'quit', usage: 'quit', text: 'Takes away what is open, and leaves.' },
  {
    name: 'revert-full-system',
    text: 'A capability: revert puts back all file systems, processes and the network.',
  },
  { name: 'root-on-testbed', text: 'A capability: commands run as root on the testbed.' },
  {
    name: 'suggested-normal-user',
    text: 'A capability: the name of an account on the testbed that tests can run as.',
  },
  {
    name: 'downtmp-host',
    text: 'A capability: where the host sees the scratch space.',
  },
  {
    name: 'isolation-container',
    text: 'A capability: the testbed has its own services and network, and shares the kernel.',
  },
  { name: 'isolation-machine', text: 'A capability: the testbed is a machine of its own.' },
  {
    name: 'execute-debug',
    text: "A capability: execute takes the keyword debug, for a command's output while it runs.",
  },
];

/** The names of the commands. */
export const terminalCommands = topics.flatMap(({ name, usage }) => (usage ? [name] : []));
