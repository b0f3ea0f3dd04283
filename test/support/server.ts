import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { cleanUpAfterFile, cleanUpAfterTest } from './clean-up.ts';

/** The directory of the project. */
export const projectRoot = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** The built server as an executable file, as the harness wants it. Built when stale. */
export function serverPath(): string {
  build();
  return `${projectRoot}/dist/main.js`;
}

/** The argv of the built server: this Node, the program, and what is given. */
export function serverArgv(...args: string[]): string[] {
  return [process.execPath, serverPath(), ...args];
}

let built = false;
function build(): void {
  if (built) return;
  const args = [`${projectRoot}/build.mjs`, '--if-stale'];
  const { status, stderr } = spawnSync(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (status !== 0) throw new Error(`the build failed: ${stderr.toString()}`);
  built = true;
}

/** A virtualisation server that runs, ours or another, with the caller's side of its pipes. */
export interface TestServer {
  readonly child: ChildProcess;
  /** Writes to its stdin, byte for byte (latin1). */
  send(text: string): void;
  /** The next line of its stdout, without the newline, as bytes. Rejects where it has ended. */
  reply(): Promise<string>;
  /** Sends a line and gives the reply. */
  command(line: string): Promise<string>;
  /** Closes its stdin. */
  endInput(): void;
  /** What it said on stderr up to now. */
  stderr(): string;
  /** What is left on stdout that `reply` has not handed out. */
  rest(): string;
  /** Settles when it has gone and its output has been read. */
  readonly ended: Promise<{ status: number | null; signal: NodeJS.Signals | null }>;
}

export interface StartOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** In a session, and so a process group, of its own: from its start, as there is no setsid(1) to wait for. */
  detached?: boolean;
  /** Milliseconds to wait for a reply before the test fails. Default 60,000. */
  patience?: number;
  /** True for a server that a `before` hook starts: it is ended after the file, not after the test. */
  untilFileEnds?: boolean;
}

/** Starts a server by its whole argv. It is killed after the test if it still runs by then. */
export function startServer(argv: readonly string[], options: StartOptions = {}): TestServer {
  const { env = process.env, cwd, detached, patience = 60_000, untilFileEnds } = options;
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { env, cwd, detached, stdio: ['pipe', 'pipe', 'pipe'] });
  let unread = '';
  let errors = '';
  let over = false;
  let wake = () => {};
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    unread += text;
    wake();
  });
  child.stderr.setEncoding('latin1').on('data', (text: string) => {
    errors += text;
  });
  // A server that has gone takes no more commands: the test sees that in its replies.
  child.stdin.on('error', () => {});
  const ended: TestServer['ended'] = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      over = true;
      wake();
      resolve({ status, signal });
    });
  });
  ended.catch(() => {});

  const reply = async (): Promise<string> => {
    const limit = Date.now() + patience;
    while (!unread.includes('\n')) {
      if (over) throw new Error(`the server has ended; its stderr:\n${errors}`);
      if (Date.now() >= limit) throw new Error(`no reply in ${patience} ms; stderr:\n${errors}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, limit - Date.now());
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    // What the server said before, on stderr, comes in the same turn of the event loop at the latest.
    await setImmediate();
    const end = unread.indexOf('\n');
    const line = unread.slice(0, end);
    unread = unread.slice(end + 1);
    return line;
  };
  const send = (text: string) => void child.stdin.write(Buffer.from(text, 'latin1'));
  const server: TestServer = {
    child,
    send,
    reply,
    command: (line) => {
      send(`${line}\n`);
      return reply();
    },
    endInput: () => void child.stdin.end(),
    stderr: () => errors,
    rest: () => unread,
    ended,
  };
  (untilFileEnds ? cleanUpAfterFile : cleanUpAfterTest)(() => end(server));
  return server;
}

/** SIGTERM first: a server that was killed outright leaves its record for the next one to reap. */
async function end({ child, ended }: TestServer): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended.catch(() => {});
  clearTimeout(timer);
}
