import { textOf, type Bytes } from '../bytes.ts';
import { asError, lastWords } from '../errors.ts';
import { describeEnding } from '../place/place.ts';
import { startServer, type Client } from './client.ts';
import { decode } from './codec.ts';
import { pause } from './deadline.ts';
import { runAuxverb, type ExecOptions, type ExecResult } from './exec.ts';
import { bytesOfWord, type Word } from './word.ts';

export type { ExecOptions, ExecResult } from './exec.ts';
export type { Word } from './word.ts';

export interface ConnectOptions {
  /** The environment of the server; default is that of this process. */
  env?: NodeJS.ProcessEnv;
  /**
   * The generation of words to speak: `current` merges copied directories, `classic` replaces them
   * where the server is of both generations. Default `current`.
   */
  dialect?: 'current' | 'classic';
  /** Told of each piece of text that the server writes to stderr. */
  onStderr?: (text: string) => void;
  /** Ends the server, in good order, when it is aborted. */
  signal?: AbortSignal;
}

/** How to give up a request: a server can't stop one, so it is ended, and with it the session. */
export interface RequestOptions {
  signal?: AbortSignal;
}

/** One word of `capabilities`. */
export interface Capability {
  name: string;
  /** As the user name of `suggested-normal-user`. */
  value?: string;
}

/**
 * A virtualisation server that runs for us. Requests are sent one after the other, in the order in
 * which they were made; commands on the testbed run side by side. Names are text in UTF-8, or bytes.
 */
export interface Connection extends AsyncDisposable {
  readonly pid: number;
  /** What the server wrote to stderr up to now. */
  readonly stderr: string;
  capabilities(options?: RequestOptions): Promise<Capability[]>;
  /** Opens the testbed; resolves with the path of the scratch space there. */
  open(options?: RequestOptions): Promise<string>;
  /** Runs a command on the testbed. @throws TestbedGone where it can't be reached any more */
  exec(command: readonly Word[], options?: ExecOptions): Promise<ExecResult>;
  /** Copies a file, or a directory where both names end in a slash. @throws RequestFailed */
  copyDown(host: Word, testbed: Word, options?: RequestOptions): Promise<void>;
  /** The other way. @throws RequestFailed */
  copyUp(testbed: Word, host: Word, options?: RequestOptions): Promise<void>;
  /** Puts the testbed back; resolves with the path of the scratch space. */
  revert(options?: RequestOptions): Promise<string>;
  reboot(options?: RequestOptions): Promise<void>;
  /** Takes the testbed away; it may be opened again. */
  close(options?: RequestOptions): Promise<void>;
  /** Closes what is open and ends the server. May be called again; `await using` calls it. */
  quit(): Promise<void>;
}

/** The server said `copy-failed` or `timeout`: the session lives on. */
export class RequestFailed extends Error {
  override readonly name = 'RequestFailed';
  constructor(
    /** `copy-failed` or `timeout`. */
    readonly keyword: string,
    message: string,
  ) {
    super(message);
  }
}

/** The server has ended, or said what no server may say: there is no session any more. */
export class ServerFailed extends Error {
  override readonly name = 'ServerFailed';
}

/** Milliseconds that a server may take to close and end, before it is killed. */
const QUIT = 120_000;

/**
 * Starts a virtualisation server (of ours or of others) and waits until it is ready.
 * @param server its argv, as `['regime', 'chroot', '/srv/sid']`
 * @throws ServerFailed where it ends instead, with what it said
 */
export async function connect(
  server: readonly string[],
  options: ConnectOptions = {},
): Promise<Connection> {
  const { dialect = 'current', onStderr, signal } = options;
  const client = startServer(server, {
    deadlines: { start: Infinity, open: Infinity, reply: Infinity, exit: QUIT },
    ...(options.env && { env: options.env }),
    ...(onStderr && {
      observe: (happening) => {
        if (happening.what === 'stderr') onStderr(textOf(happening.text));
      },
    }),
  });
  const connection = connectionTo(client, dialect);
  try {
    await givingUp(client, signal, () => client.ready());
  } catch (cause) {
    throw signal?.aborted ? cause : await explain(client, 'it did not start', cause);
  }
  signal?.addEventListener('abort', () => client.signal('SIGTERM'), { once: true });
  return connection;
}

function connectionTo(client: Client, dialect: 'current' | 'classic'): Connection {
  let last: Promise<unknown> = Promise.resolve();
  let quitting: Promise<void> | undefined;

  /** Sends a request when those before it are answered. */
  function ask(name: string, words: Bytes[], { signal }: RequestOptions = {}): Promise<Bytes[]> {
    const answer = last.then(async () => {
      signal?.throwIfAborted();
      const said = client.stderr.length;
      const reply = await givingUp(client, signal, () => client.request(name, ...words)).catch(
        async (cause: unknown) => {
          throw signal?.aborted ? cause : await explain(client, `${name} was not answered`, cause);
        },
      );
      if (reply.keyword === 'ok') return reply.words.map(decode);
      if (reply.keyword === 'copy-failed' || reply.keyword === 'timeout') {
        const why = (await wordsSince(client, said)) || `the server said ${reply.keyword}`;
        throw new RequestFailed(reply.keyword, `${name}: ${why}`);
      }
      throw new ServerFailed(`${name}: not a reply of the protocol: ${reply.line}`);
    });
    last = answer.catch(() => {});
    return answer;
  }
  const askForScratch = async (name: string, options?: RequestOptions) => {
    const [scratch = ''] = await ask(name, [], options);
    return textOf(scratch);
  };
  const copy = async (name: string, from: Word, to: Word, options?: RequestOptions) => {
    await ask(name, [bytesOfWord(from), bytesOfWord(to)], options);
  };
  const auxverbWord = dialect === 'current' ? 'print-execute-command' : 'print-auxverb-command';

  return {
    pid: client.pid,
    get stderr() {
      return textOf(client.stderr);
    },
    async capabilities(options) {
      const words = await ask('capabilities', [], options);
      return words.map(readCapability);
    },
    open: (options) => askForScratch('open', options),
    async exec(command, options = {}) {
      const [list = ''] = await ask(auxverbWord, [], {});
      // Both generations of callers decode the members twice.
      const prefix = list.split(',').map(decode);
      return runAuxverb(prefix, command, options);
    },
    copyDown: (host, testbed, options) => copy('copydown', host, testbed, options),
    copyUp: (testbed, host, options) => copy('copyup', testbed, host, options),
    revert: (options) => askForScratch('revert', options),
    async reboot(options) {
      await ask('reboot', [], options);
    },
    async close(options) {
      await ask('close', [], options);
    },
    quit: () => (quitting ??= quit(client, () => ask('quit', []))),
    [Symbol.asyncDispose]() {
      return this.quit();
    },
  };
}

/** Runs a request; where it is given up the server is told to end, which it does when it has closed. */
async function givingUp<T>(
  client: Client,
  signal: AbortSignal | undefined,
  request: () => Promise<T>,
): Promise<T> {
  const stop = () => client.signal('SIGTERM');
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await request();
  } catch (cause) {
    if (!signal?.aborted) throw cause;
    await client.ended().catch(() => client.kill());
    throw signal.reason;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

async function explain(client: Client, step: string, thrown: unknown): Promise<ServerFailed> {
  const cause = asError(thrown);
  client.closeInput();
  const ending = await client.ended().catch(asError);
  if (ending instanceof Error) {
    client.kill();
    return new ServerFailed(`${step}: ${ending.message}`, { cause });
  }
  const said = lastFailure(client.stderr);
  const message = `${step}: the server ended with ${describeEnding(ending)}${said && `: ${said}`}`;
  return new ServerFailed(message, { cause });
}

/** What was said on stderr with a reply, which comes by another way and may be read later. */
async function wordsSince(client: Client, length: number): Promise<Bytes> {
  for (let waited = 0; waited < 200 && client.stderr.length === length; waited += 10) {
    await pause(10);
  }
  return lastWords(client.stderr.slice(length));
}

/** What a server says of its failure comes before what it knows of the testbed. */
function lastFailure(stderr: Bytes): string {
  const line = stderr.split('\n').findLast((one) => /failure|error/i.test(one));
  return lastWords(line ?? stderr);
}

async function quit(client: Client, ask: () => Promise<unknown>): Promise<void> {
  if (client.hasEnded) return;
  const failed = await ask().then(() => undefined, asError);
  client.closeInput();
  const ending = await client.ended().catch(() => client.kill());
  // Servers of others end without an answer.
  if (failed && !(ending && 'status' in ending && ending.status === 0)) throw failed;
}

function readCapability(word: Bytes): Capability {
  const at = word.indexOf('=');
  if (at < 0) return { name: textOf(word) };
  return { name: textOf(word.slice(0, at)), value: textOf(word.slice(at + 1)) };
}
