import { spawn } from 'node:child_process';

import { bufferOf, type Argv, type Bytes } from '../bytes.ts';
import { endingOfExit, type Ending } from '../place/place.ts';
import { decode, decodeMembers, encode } from './codec.ts';
import { within } from './deadline.ts';
import { killGroup } from './kill-group.ts';
import { readLines } from './line-reader.ts';

/** How long a client waits, in milliseconds. */
export interface Deadlines {
  /** For the first `ok`. */
  start: number;
  /** For `open` and `revert`, which may wait for other users of the testbed. */
  open: number;
  /** For any other reply. */
  reply: number;
  /** For the end of the server after what should end it. */
  exit: number;
}

/** What happened in a session, for a record of it. */
export type Happening =
  { what: 'sent' | 'received' | 'stderr'; text: Bytes } | { what: 'ended'; ending: Ending };

export interface StartOptions {
  env?: NodeJS.ProcessEnv;
  deadlines?: Partial<Deadlines>;
  /** Told of every line, of what the server writes to stderr, and of its end. */
  observe?(happening: Happening): void;
  /** Descriptors of ours that the server gets as its 3, 4 and on. */
  descriptors?: readonly number[];
}

/** One reply line, taken apart. */
export interface Reply {
  readonly line: Bytes;
  readonly keyword: Bytes;
  /** What follows the keyword, still encoded. */
  readonly words: readonly Bytes[];
}

/** A server that was started, seen from its caller. */
export interface Client {
  readonly pid: number;
  /** All that the server wrote to stderr so far. */
  readonly stderr: Bytes;
  /** True once the process has ended. */
  readonly hasEnded: boolean;
  /** Waits for the first `ok`. */
  ready(): Promise<void>;
  /** Sends bytes as they are. */
  send(bytes: Bytes): void;
  /** The next reply line; undefined where stdout ended. */
  line(milliseconds?: number): Promise<Bytes | undefined>;
  /** Sends a command, its words encoded here, and waits for the reply. */
  request(command: Bytes, ...words: Bytes[]): Promise<Reply>;
  /** As `request`, for words that are encoded already. */
  requestLine(line: Bytes): Promise<Reply>;
  /** Sends a command that must be answered with `ok`; resolves to the result words, decoded. */
  ask(command: Bytes, ...words: Bytes[]): Promise<Bytes[]>;
  /** Asks for an auxverb with the word of a generation. */
  auxverb(word: Bytes): Promise<Argv>;
  closeInput(): void;
  closeOutput(): void;
  signal(name: NodeJS.Signals): void;
  /** Waits for the process to end. */
  ended(milliseconds?: number): Promise<Ending>;
  /** What came on stdout and was not read. */
  unread(): Bytes[];
  /** Ends the process group with SIGKILL. */
  kill(): void;
}

/** A reply that is not the one that was expected. */
export class UnexpectedReply extends Error {
  override readonly name = 'UnexpectedReply';
}

const DEADLINES: Deadlines = { start: 15_000, open: 60_000, reply: 20_000, exit: 10_000 };

/**
 * Starts a server of the protocol with pipes to its stdin, stdout and stderr, in a session of its
 * own, so that it has no terminal. Every wait has a deadline and rejects with `DeadlinePassed`.
 */
export function startServer(argv: readonly string[], options: StartOptions = {}): Client {
  const deadlines = { ...DEADLINES, ...options.deadlines };
  const observe = options.observe ?? (() => {});
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    stdio: ['pipe', 'pipe', 'pipe', ...(options.descriptors ?? [])],
    env: options.env ?? process.env,
    detached: true,
  });
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new Error('the server has no pipes');
  const lines = readLines(stdout, (text) => observe({ what: 'received', text }));
  let errors = '';
  let ending: Ending | undefined;
  let failure: Error | undefined;
  child.once('error', (cause) => (failure = cause));
  stderr.on('data', (chunk: Buffer) => {
    const text = chunk.toString('latin1');
    errors += text;
    observe({ what: 'stderr', text });
  });
  stderr.on('error', () => {});
  // A server that has ended closes its input; that it has ended shows elsewhere.
  stdin.on('error', () => {});
  const end = new Promise<Ending>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status, signal) => {
      ending = endingOfExit(status, signal);
      observe({ what: 'ended', ending });
      // Its last words may still be on their way.
      if (stderr.readableEnded || stderr.destroyed) resolve(ending);
      else setTimeout(resolve, 500, ending).unref();
      stderr.once('end', () => ending && resolve(ending));
    });
  });
  end.catch(() => {});

  const send = (bytes: Bytes) => {
    observe({ what: 'sent', text: bytes });
    stdin.write(bufferOf(bytes));
  };
  const line = (milliseconds = deadlines.reply) => within(lines.next(), milliseconds, 'reply');

  async function requestLine(text: Bytes): Promise<Reply> {
    send(`${text}\n`);
    const slow = /^(open|revert|reboot)\b/.test(text);
    const got = await line(slow ? deadlines.open : deadlines.reply);
    if (got === undefined) throw new UnexpectedReply(`no reply to ${text}: stdout ended`);
    const [keyword = '', ...words] = got.split(' ');
    return { line: got, keyword, words };
  }
  const request = (command: Bytes, ...words: Bytes[]) =>
    requestLine([command, ...words.map(encode)].join(' '));

  async function ask(command: Bytes, ...words: Bytes[]): Promise<Bytes[]> {
    const reply = await request(command, ...words);
    if (reply.keyword !== 'ok') throw new UnexpectedReply(`${command} got the reply ${reply.line}`);
    return reply.words.map(decode);
  }

  return {
    pid: child.pid ?? 0,
    get stderr() {
      return errors;
    },
    get hasEnded() {
      return ending !== undefined;
    },
    async ready() {
      const first = await line(deadlines.start);
      if (failure) throw new UnexpectedReply(`it does not start: ${failure.message}`);
      if (first !== 'ok') {
        throw new UnexpectedReply(`the server's first line is ${first ?? 'missing'}, not ok`);
      }
    },
    send,
    line,
    request,
    requestLine,
    ask,
    async auxverb(word) {
      const reply = await request(word);
      const [list, ...more] = reply.words;
      if (reply.keyword !== 'ok' || list === undefined || more.length > 0) {
        throw new UnexpectedReply(`${word} got the reply ${reply.line}`);
      }
      return decodeMembers(list);
    },
    closeInput: () => void stdin.end(),
    closeOutput: () => void stdout.destroy(),
    signal: (name) => void child.kill(name),
    ended: (milliseconds = deadlines.exit) => within(end, milliseconds, 'end of the server'),
    unread: () => lines.unread(),
    kill: () => killGroup(child.pid),
  };
}
