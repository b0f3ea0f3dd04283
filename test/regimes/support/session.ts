import { expect } from 'chai';

import { decode, decodeMembers } from '../../../src/client/codec.ts';
import { runThrough, serverOf, sessionsOf, type Caller, type Result } from '../../crash/caller.ts';
import type { StartOptions, TestServer } from '../../support/server.ts';

/** A server with an open testbed, from its caller's side. */
export interface OpenSession {
  readonly server: TestServer;
  /** The scratch space, decoded. */
  readonly scratch: string;
  /** The words to put before a command, asked for anew. */
  prefix(): Promise<string[]>;
  /** Runs a command on the testbed, through an auxverb that is asked for each time. */
  run(...command: string[]): Promise<Result>;
  /** Runs a script there, which has to succeed without a word on stderr; what it wrote. */
  sh(script: string): Promise<string>;
  /** The words of `capabilities`. */
  capabilities(): Promise<string[]>;
  revert(): Promise<void>;
  /** Quits; the exit status has to be 0, and no session of the caller may be left. */
  quit(): Promise<void>;
}

/** Starts a server and opens its testbed. */
export async function openSession(
  caller: Caller,
  args: string[],
  options: StartOptions = {},
): Promise<OpenSession> {
  const server = serverOf(caller, args, options);
  expect(await server.reply()).to.equal('ok');
  const opened = await server.command('open');
  expect(opened).to.match(/^ok \//);
  return wrap(caller, server, decode(opened.slice(3)));
}

function wrap(caller: Caller, server: TestServer, scratch: string): OpenSession {
  const prefix = async () => {
    const reply = await server.command('print-execute-command');
    expect(reply).to.match(/^ok \S+$/);
    return decodeMembers(reply.slice(3));
  };
  const run = async (...command: string[]) => runThrough(await prefix(), command);
  return {
    server,
    scratch,
    prefix,
    run,
    async sh(script) {
      const { status, stdout, stderr } = await run('sh', '-c', script);
      expect({ status, stderr }, script).to.deep.equal({ status: 0, stderr: '' });
      return stdout.trimEnd();
    },
    async capabilities() {
      const [keyword, ...words] = (await server.command('capabilities')).split(' ');
      expect(keyword).to.equal('ok');
      return words;
    },
    async revert() {
      expect(await server.command('revert')).to.equal(`ok ${scratch}`);
    },
    async quit() {
      expect(await server.command('quit')).to.equal('ok');
      expect(await server.ended).to.deep.equal({ status: 0, signal: null });
      expect(sessionsOf(caller)).to.deep.equal([]);
    },
  };
}

/** What became of a server that was to fail at `open`. */
export interface Refusal {
  /** All that it replied after the first ok. */
  replies: string;
  /** What it said on stderr, as lines. */
  lines: string[];
  status: number | null;
}

/** Starts a server that starts well, sends it `open`, and hears how it ends; nothing may be left. */
export async function refusedOpen(
  caller: Caller,
  args: string[],
  options: StartOptions = {},
): Promise<Refusal> {
  const server = serverOf(caller, args, options);
  expect(await server.reply()).to.equal('ok');
  server.send('open\n');
  const { status } = await server.ended;
  expect(sessionsOf(caller), 'sessions that are left').to.deep.equal([]);
  return { replies: server.rest(), lines: linesOf(server.stderr()), status };
}

/** Starts a server that must not even say ok; its stderr as lines and its exit status. */
export async function refusedStart(
  caller: Caller,
  args: string[],
  options: StartOptions = {},
): Promise<Refusal> {
  const server = serverOf(caller, args, options);
  const { status } = await server.ended;
  expect(sessionsOf(caller), 'sessions that are left').to.deep.equal([]);
  return { replies: server.rest(), lines: linesOf(server.stderr()), status };
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
