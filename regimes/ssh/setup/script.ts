import { closeSync, constants, existsSync, fsyncSync, openSync, rmSync } from 'node:fs';

import { anyOf } from '../../../src/abort.ts';
import { bufferOf, textOf, type Argv, type Bytes } from '../../../src/bytes.ts';
import { asError, TestbedError } from '../../../src/errors.ts';
import type { Logger } from '../../../src/log.ts';
import { collect } from '../../../src/place/collect.ts';
import { describeEnding, type Ending, type Place } from '../../../src/place/place.ts';
import { readScript } from '../../../src/place/script.ts';
import { readAnswer, type SetupAnswer } from './answer.ts';
import { forwardLines } from './forward-lines.ts';

/** What the command line says of a setup script. */
export interface SetupScript {
  /** Absolute. */
  readonly path: Bytes;
  /** What it is called with after its command. */
  readonly args: Argv;
  /** The login name, where the command line gave one: it gets it as `-l LOGIN`. */
  readonly login?: Bytes;
}

/** A setup script in use. */
export interface Setup {
  /**
   * Has it make the host (`open`) or put it back (`revert`). Where that fails what it knows of the
   * failure is told as warnings; what it made still has to be cleaned up.
   * @throws TestbedError where it fails or takes too long
   */
  make(command: 'open' | 'revert', context: SetupContext): Promise<SetupAnswer>;
  /** True where it has waited for the host to go down and come back; false where it can't. */
  waitReboot(context: SetupContext): Promise<boolean>;
  /** What it knows of a failure; empty where it has nothing to say. */
  debugFailure(): Promise<string>;
  /**
   * Has it take away what it made. Does nothing where it was never started, or is done.
   * @throws TestbedError where it fails; then it may be called again
   */
  cleanUp(context: SetupContext): Promise<void>;
}

export interface SetupContext {
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Milliseconds that a call may take: it may install a machine. As the incumbent has it. */
const DEADLINE = 1_800_000;

/** The same for what it knows of a failure, which somebody waits for. */
const DEBUG_DEADLINE = 60_000;

/**
 * A setup script with the interface of autopkgtest-virt-ssh(1): run on the host with a command, the
 * arguments of the command line, and what it printed as `extraopts`.
 * @param note the path of a file of this host that says that the script was started, and has its
 *   `extraopts`; it is there until all is cleaned up
 */
export function useSetupScript(script: SetupScript, note: Bytes, host: Place): Setup {
  let answer: SetupAnswer = {};

  const call = async (
    command: string,
    { signal, log }: SetupContext,
    deadline = DEADLINE,
  ): Promise<Called> => {
    const argv = [
      script.path,
      command,
      ...script.args,
      ...(script.login === undefined ? [] : ['-l', script.login]),
    ];
    log.debug(`running ${textOf(argv.join(' '))}`);
    const timeout = AbortSignal.timeout(deadline);
    const running = host.spawn(
      ['perl', '-e', readScript('run-setup.pl', import.meta.url), note, ...argv],
      { stdio: ['ignore', 'pipe', 'pipe'], signal: anyOf(signal, timeout) },
    );
    // Heard while it runs: it may take half an hour.
    const [stdout, stderr, ending] = await Promise.all([
      collect(running.stdout, 1 << 20),
      forwardLines(running.stderr, (line) => log.warn(`${command}: ${line}`)),
      running.ended,
    ]);
    signal.throwIfAborted();
    const late = timeout.aborted;
    const status = late ? `no end within ${deadline / 1000} s` : describeEnding(ending);
    return { argv: argv.slice(0, 2), ok: !late && isZero(ending), status, stdout, stderr };
  };
  const failed = ({ argv, status, stderr }: Called) =>
    new TestbedError({
      step: 'the setup script failed',
      command: argv,
      status,
      output: stderr,
    });
  const debug = async (log: Logger): Promise<Called> =>
    call('debug-failure', { signal: new AbortController().signal, log }, DEBUG_DEADLINE);

  return {
    async make(command, context) {
      noteDown(note);
      const called = await call(command, context);
      if (!called.ok) {
        // It says on stderr what it knows, and that is passed on.
        await debug(context.log).catch(() => {});
        throw failed(called);
      }
      answer = readAnswer(called.stdout, answer, (key) =>
        context.log.warn(`the setup script says ${textOf(key)}=, which means nothing here`),
      );
      return answer;
    },
    async waitReboot(context) {
      return (await call('wait-reboot', context)).ok;
    },
    async debugFailure() {
      const lines: string[] = [];
      const log: Logger = { debug: () => {}, warn: (line) => void lines.push(line) };
      try {
        await debug(log);
      } catch (cause) {
        lines.push(asError(cause).message);
      }
      return lines.join('\n');
    },
    async cleanUp(context) {
      if (!existsSync(bufferOf(note))) return;
      const called = await call('cleanup', context);
      if (!called.ok) throw failed(called);
      rmSync(bufferOf(note), { force: true });
    },
  };
}

interface Called {
  /** The script and its command, for messages. */
  argv: Argv;
  ok: boolean;
  status: string;
  stdout: Bytes;
  /** The last of it. */
  stderr: Bytes;
}

function isZero(ending: Ending): boolean {
  return 'status' in ending && ending.status === 0;
}

/** On disk before the script is started: from then on there may be something to clean up. */
function noteDown(note: Bytes): void {
  const { O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;
  const sync = (path: Bytes, flags: number) => {
    const descriptor = openSync(bufferOf(path), flags | O_NOFOLLOW, 0o600);
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  };
  sync(note, O_WRONLY | O_CREAT);
  sync(note.slice(0, note.lastIndexOf('/')), O_RDONLY | O_DIRECTORY);
}
