import type { Argv } from '../bytes.ts';
import type { Command } from './command.ts';

/** A command before it is loaded: what `regime --help` needs to know of it. */
export interface CommandEntry {
  readonly name: string;
  /** As in a SYNOPSIS. */
  readonly operands: string;
  /** Set where it has no options but --help. */
  readonly plain?: true;
  readonly summary: string;
  load(): Promise<LoadedCommand>;
}

interface LoadedCommand {
  /** Left out for what has no options. */
  spec?: Command;
  /** Takes the words after the name and resolves with the exit status. */
  run(words: Argv): Promise<number>;
}

/**
 * The commands, which are no regimes, in the order in which `regime --help` names them. Each is
 * loaded when called.
 */
export const commands: readonly CommandEntry[] = [
  {
    name: 'run',
    operands: "'REGIME [ARG]...' COMMAND [ARG]...",
    summary: 'run one command in a testbed',
    async load() {
      const { run, runCommandSpec } = await import('./run.ts');
      return { spec: runCommandSpec, run };
    },
  },
  {
    name: 'script',
    operands: 'FILE -- REGIME [ARG]...',
    summary: 'work off a file of commands',
    async load() {
      const { script, scriptCommand } = await import('./script.ts');
      return { spec: scriptCommand, run: script };
    },
  },
  {
    name: 'shell',
    operands: 'ID [COMMAND [ARG]...]',
    summary: 'get into the testbed of a session that was kept',
    async load() {
      const { shell, shellCommand } = await import('./shell.ts');
      return { spec: shellCommand, run: shell };
    },
  },
  {
    name: 'sessions',
    operands: '[show ID | keep ID]',
    summary: 'show the sessions there are, and what they hold',
    async load() {
      const { sessions, sessionsCommand } = await import('./sessions.ts');
      return { spec: sessionsCommand, run: (words) => sessions(words) };
    },
  },
  {
    name: 'reset',
    operands: 'ID',
    summary: 'revert the testbed of a session that was kept',
    async load() {
      const { reset, resetCommand } = await import('./reset.ts');
      return { spec: resetCommand, run: reset };
    },
  },
  {
    name: 'reap',
    operands: '[ID]...',
    summary: 'take away what servers that died left behind',
    async load() {
      const { reap, reapCommand } = await import('./reap.ts');
      return { spec: reapCommand, run: reap };
    },
  },
  {
    name: 'doctor',
    operands: '[REGIME]...',
    summary: 'try what works on this machine, and say what is missing',
    async load() {
      const { doctor, doctorCommand } = await import('./doctor.ts');
      return { spec: doctorCommand, run: doctor };
    },
  },
  {
    name: 'conform',
    operands: '-- SERVER [ARG]...',
    summary: 'check that a virtualisation server keeps to the protocol',
    async load() {
      const { conform, conformCommand } = await import('./conform.ts');
      return { spec: conformCommand, run: conform };
    },
  },
  {
    name: 'completion',
    operands: 'bash',
    plain: true,
    summary: 'print what makes bash complete all this',
    async load() {
      const { completion, completionCommand } = await import('./completion.ts');
      return { spec: completionCommand, run: completion };
    },
  },
  {
    name: 'help',
    operands: '[NAME]',
    plain: true,
    summary: 'show this, or the manual page of a regime, a command or a subject',
    async load() {
      return { run: (await import('./explain.ts')).explain };
    },
  },
];
