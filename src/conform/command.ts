import { spawn } from 'node:child_process';

import { bufferOf, type Argv, type Bytes } from '../bytes.ts';
import { spawnableArgv } from '../place/argv.ts';
import { endingOfExit, type Ending } from '../place/place.ts';
import { DeadlinePassed, pause, within } from '../client/deadline.ts';
import { killGroup } from '../client/kill-group.ts';

export interface CommandOptions {
  /** Written to its stdin, which is then closed. Left out: stdin stays open until `endInput`. */
  input?: Bytes | Buffer;
  /** Its environment; default is ours. */
  env?: NodeJS.ProcessEnv;
  /** Descriptors 0, 1 and 2 instead of pipes. */
  stdio?: readonly [number | 'pipe', number | 'pipe', number | 'pipe'];
}

/** A command of the host, as an auxverb is one, while it runs. */
export interface RunningCommand {
  readonly pid: number;
  readonly argv: Argv;
  readonly stdout: Bytes;
  readonly stderr: Bytes;
  write(bytes: Bytes): void;
  endInput(): void;
  /** Closes our end of its stdout, as a reader does that has gone. */
  closeOutput(): void;
  signal(name: NodeJS.Signals): void;
  /** Resolves when what it wrote to stdout satisfies a test. */
  said(test: (stdout: Bytes) => boolean, milliseconds: number): Promise<void>;
  /** Waits for its end and its output. Past the time limit it is killed, and the promise rejects. */
  ended(milliseconds: number): Promise<Executed>;
}

/** A command that has ended. */
export interface Executed {
  readonly ending: Ending;
  readonly stdout: Bytes;
  readonly stderr: Bytes;
}

/** Milliseconds that a command's output may stay open after its end, held by what it left behind. */
const LEFT_BEHIND = 700;

/** Starts a command on the host, in a session of its own. */
export function startCommand(argv: Argv, options: CommandOptions = {}): RunningCommand {
  const [program = '', ...rest] = spawnableArgv(argv);
  const child = spawn(program, rest, {
    stdio: [...(options.stdio ?? (['pipe', 'pipe', 'pipe'] as const))],
    env: options.env ?? process.env,
    detached: true,
  });
  const output = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk: Buffer) => {
      output[name] += chunk.toString('latin1');
      for (const watch of watchers) watch();
    });
    child[name]?.on('error', () => {});
  }
  // A command that does not read its input closes it: no error of ours.
  child.stdin?.on('error', () => {});

  const exited = new Promise<Ending>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status, signal) => {
      resolve(endingOfExit(status, signal));
      for (const watch of watchers) watch();
    });
  });
  exited.catch(() => {});
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));

  const signal = (name: NodeJS.Signals) => {
    child.kill(name);
  };
  if (options.input !== undefined) {
    child.stdin?.end(typeof options.input === 'string' ? bufferOf(options.input) : options.input);
  }
  return {
    pid: child.pid ?? 0,
    argv,
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    write: (bytes) => void child.stdin?.write(bufferOf(bytes)),
    endInput: () => void child.stdin?.end(),
    closeOutput: () => void child.stdout?.destroy(),
    signal,
    async said(test, milliseconds) {
      let watch = () => {};
      const heard = new Promise<void>((resolve, reject) => {
        watch = () => {
          if (test(output.stdout)) resolve();
          else if (child.exitCode !== null || child.signalCode !== null) {
            reject(new Error(`the command ended before it said what was awaited`));
          }
        };
        watchers.add(watch);
        watch();
      });
      await within(heard, milliseconds, 'output of the command').finally(() => {
        watchers.delete(watch);
      });
    },
    async ended(milliseconds) {
      try {
        const ending = await within(exited, milliseconds, `end of ${argv.join(' ')}`);
        await Promise.race([closed, pause(LEFT_BEHIND)]);
        return { ending, ...output };
      } catch (error) {
        if (error instanceof DeadlinePassed) killGroup(child.pid);
        throw error;
      } finally {
        child.stdin?.destroy();
        child.stdout?.destroy();
        child.stderr?.destroy();
      }
    },
  };
}

/** Runs a command of the host to its end. Its stdin is empty unless there is input. */
export function runCommand(
  argv: Argv,
  options: CommandOptions & { deadline?: number } = {},
): Promise<Executed> {
  return startCommand(argv, { input: '', ...options }).ended(options.deadline ?? 20_000);
}
