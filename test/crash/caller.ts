import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';

import { idOfName } from '../../src/session/ids.ts';
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
  return startServer(caller.argv(...args), { env: caller.env, detached: true, ...options });
}

/** The session directories there are. */
export function sessionsOf({ state }: Caller): string[] {
  try {
    return readdirSync(`${state}/regime/sessions`).filter((name) => name !== 'last-session');
  } catch {
    return [];
  }
}

/** The ids of the sessions there are. */
export function idsOf(caller: Caller): string[] {
  return sessionsOf(caller).flatMap((name) => idOfName(name) ?? []);
}

/** The id of the session that there is; empty where there is none. */
export function idOf(caller: Caller): string {
  return idsOf(caller)[0] ?? '';
}

/** Runs the program as the caller, to its end. */
export function runAs(caller: Caller, args: readonly string[], input = ''): Omit<Result, 'signal'> {
  const [program = '', ...words] = caller.argv(...args);
  const options = { env: caller.env, encoding: 'utf8', input } as const;
  const { status, stdout, stderr } = spawnSync(program, words, options);
  return { status, stdout, stderr };
}

/** `regime reap` as the caller; what it said. */
export function reapAs(caller: Caller): string {
  const { stdout, stderr } = runAs(caller, ['reap']);
  return stdout + stderr;
}

/** Reaps each session that there is by its id, kept ones too. */
export function reapKept(caller: Caller): void {
  for (const id of idsOf(caller)) runAs(caller, ['reap', id]);
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
