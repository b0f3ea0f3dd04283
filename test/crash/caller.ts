import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';

import { plainUser } from '../support/user.ts';
import { serverArgv, startServer, type StartOptions, type TestServer } from '../support/server.ts';

/** Who runs servers in a test: root or a plain user, with a state directory of the test's own. */
export interface Caller {
  who: string;
  /** The argv of the program with arguments, and the environment that it is to have. */
  argv(...args: string[]): string[];
  env: NodeJS.ProcessEnv;
  /** Below it are the session directories. */
  state: string;
  /** A directory that the caller may write into. */
  work: string;
}

/** Whoever runs the tests, with its records below a directory of the test. */
export function selfAs(directory: string): Caller {
  const state = `${directory}/state`;
  mkdirSync(state, { recursive: true });
  mkdirSync(`${directory}/work`, { recursive: true });
  const env = { ...process.env, XDG_STATE_HOME: state };
  return { who: 'self', argv: serverArgv, env, state, work: `${directory}/work` };
}

/** The plain user of the tests; throws where there is none. */
export function plainAs(): Caller {
  const user = plainUser();
  return {
    who: 'a plain user',
    argv: user.serverArgv,
    env: process.env,
    state: `${user.home}/state`,
    work: `${user.home}/tmp`,
  };
}

/** Starts a server in a process group of its own. */
export function serverOf(caller: Caller, args: string[], options: StartOptions = {}): TestServer {
  return startServer(['setsid', ...caller.argv(...args)], { env: caller.env, ...options });
}

/** The session directories there are. */
export function sessionsOf({ state }: Caller): string[] {
  try {
    return readdirSync(`${state}/regime/sessions`).filter((name) => name !== 'last-session');
  } catch {
    return [];
  }
}

/** `regime reap` as the caller; what it said. */
export function reapAs(caller: Caller): string {
  const [program = '', ...args] = caller.argv('reap');
  const { stdout, stderr } = spawnSync(program, args, { env: caller.env, encoding: 'utf8' });
  return stdout + stderr;
}

/** The words of a reply `ok PROG,ARG,…`. */
export function prefixOf(reply: string): string[] {
  const [keyword, list = ''] = reply.split(' ');
  if (keyword !== 'ok') throw new Error(`no auxverb: ${reply}`);
  return list.split(',').map(decodeURIComponent);
}

/** What a command of an auxverb gave. */
export interface Result {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Runs a command through an auxverb to its end, or for at most `limit` ms. */
export async function runThrough(
  prefix: readonly string[],
  command: readonly string[],
  { input = '', limit = 60_000 } = {},
): Promise<Result> {
  const child = startThrough(prefix, command);
  const result: Result = { status: null, signal: null, stdout: '', stderr: '' };
  child.stdout?.setEncoding('latin1').on('data', (text: string) => (result.stdout += text));
  child.stderr?.setEncoding('latin1').on('data', (text: string) => (result.stderr += text));
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  const timer = setTimeout(() => child.kill('SIGKILL'), limit);
  // Not `close`: what is left behind in the testbed may hold the pipes for ever.
  [result.status, result.signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
    (resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (status, signal) => setTimeout(() => resolve([status, signal]), 20));
    },
  );
  clearTimeout(timer);
  child.stdout?.destroy();
  child.stderr?.destroy();
  return result;
}

/** Starts a command through an auxverb. */
export function startThrough(prefix: readonly string[], command: readonly string[]): ChildProcess {
  const [program = '', ...args] = prefix;
  return spawn(program, [...args, ...command], { stdio: ['pipe', 'pipe', 'pipe'] });
}
