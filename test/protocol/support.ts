import type { Bytes } from '../../src/bytes.ts';
import type { Logger } from '../../src/log.ts';
import { replyOver } from '../../src/protocol/reply.ts';
import { serve, type Finish, type ServeOptions } from '../../src/protocol/server.ts';
import type { Capability, Session } from '../../src/protocol/session.ts';

/** Lines that a test hands over when it wants to. */
export interface LineSource {
  readonly lines: AsyncIterable<Bytes>;
  send(...lines: Bytes[]): void;
  end(): void;
  fail(cause: Error): void;
  /** Resolves when the reader has taken everything and knows of the end. */
  readonly drained: Promise<void>;
}

export function lineSource(): LineSource {
  const queue: Bytes[] = [];
  let over = false;
  let failure: Error | undefined;
  let wake = () => {};
  let drain = () => {};
  const drained = new Promise<void>((resolve) => (drain = resolve));
  async function* read() {
    for (;;) {
      const line = queue.shift();
      if (line !== undefined) yield line;
      else if (failure) throw failure;
      else if (over) {
        setImmediate(drain);
        return;
      } else await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  return {
    lines: read(),
    send(...lines) {
      queue.push(...lines);
      wake();
    },
    end() {
      over = true;
      wake();
    },
    fail(cause) {
      failure = cause;
      wake();
    },
    drained,
  };
}

/** A session that does nothing but write down what it was asked for. */
export interface FakeSession extends Session {
  readonly calls: unknown[][];
  /** What `capabilities` says; a test may change it at any time. */
  able: Capability[];
  /** What a step does instead of succeeding at once, by its name. */
  readonly steps: Partial<Record<string, (signal?: AbortSignal) => Promise<unknown>>>;
}

export function fakeSession(): FakeSession {
  let isOpen = false;
  const calls: unknown[][] = [];
  const step = async (name: string, words: unknown[], signal?: AbortSignal) => {
    calls.push([name, ...words]);
    return fake.steps[name]?.(signal);
  };
  const fake: FakeSession = {
    calls,
    able: [{ name: 'revert' }, { name: 'reboot' }],
    steps: {},
    get isOpen() {
      return isOpen;
    },
    capabilities: () => fake.able,
    async open(signal) {
      await step('open', [], signal);
      isOpen = true;
      return '/tmp/scratch a';
    },
    async revert(signal) {
      await step('revert', [], signal);
      return '/tmp/scratch a';
    },
    reboot: async (prepareOnly, signal) => {
      await step('reboot', [prepareOnly], signal);
    },
    async close() {
      isOpen = false;
      await step('close', []);
    },
    auxverb: () => ['/bin/enter', 'a b'],
    async execute(request, signal) {
      return ((await step('execute', [request], signal)) as number | undefined) ?? 0;
    },
    copyDown: async (words, signal) => {
      await step('copyDown', [words], signal);
    },
    copyUp: async (words, signal) => {
      await step('copyUp', [words], signal);
    },
    shell: async (directory, variables, signal) => {
      await step('shell', [directory, variables], signal);
    },
    async debugFailure() {
      await step('debugFailure', []);
      return 'the console said so';
    },
  };
  return fake;
}

/** A protocol server over memory: what it was sent, replied, warned of and reported. */
export interface FakeServer extends LineSource {
  readonly session: FakeSession;
  readonly replies: string[];
  readonly warnings: string[];
  readonly reports: string[];
  readonly finished: Promise<Finish>;
  halt(reason: unknown): void;
  /** Makes the next reply meet a reader that has gone. */
  breakReply(): void;
}

export function fakeServer(options: Pick<ServeOptions, 'dialect' | 'lease'> = {}): FakeServer {
  const source = lineSource();
  const session = fakeSession();
  const replies: string[] = [];
  const warnings: string[] = [];
  const reports: string[] = [];
  const halt = new AbortController();
  let broken = false;
  const write = (bytes: Bytes) => {
    if (broken) return Promise.reject(Object.assign(new Error('EPIPE'), { code: 'EPIPE' }));
    replies.push(bytes);
    return Promise.resolve();
  };
  const log: Logger = { warn: (message) => void warnings.push(message), debug: () => {} };
  const finished = serve(source.lines, replyOver(write), session, {
    ...options,
    log,
    report: (text) => void reports.push(text),
    halt: halt.signal,
  });
  return {
    ...source,
    session,
    replies,
    warnings,
    reports,
    finished,
    halt: (reason) => halt.abort(reason),
    breakReply: () => (broken = true),
  };
}

/** Sends lines to a server, ends the input, and gives the server back when it has finished. */
export async function converse(lines: Bytes[], options: Pick<ServeOptions, 'dialect'> = {}) {
  const server = fakeServer(options);
  server.send(...lines);
  server.end();
  return { ...server, finish: await server.finished };
}

/** A step of a session that lasts until its signal is aborted, and then rejects with the reason. */
export function untilAborted(signal?: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const give = () => reject(signal?.reason as Error);
    if (signal?.aborted) give();
    else signal?.addEventListener('abort', give, { once: true });
  });
}
