import { anyOf, heedAbort } from '../abort.ts';
import type { Bytes } from '../bytes.ts';
import { asError, ProtocolError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { answerTo } from './answer.ts';
import { dialectState, type Dialect } from './dialect.ts';
import { queueLines } from './line-queue.ts';
import type { Reply } from './reply.ts';
import type { Session } from './session.ts';
import { decodeWord, splitWords } from './words.ts';

export interface ServeOptions {
  /** Holds the server to one dialect; else the first dialect word settles it. */
  dialect?: Dialect;
  /** Milliseconds that the caller of an open testbed may be silent while nothing is worked off. */
  lease?: number;
  log: Logger;
  /** Shows what `auxverb_debug_fail` and failures have to say. */
  report(text: string): void;
  /** Aborted when the server is to end: a signal came. */
  halt: AbortSignal;
}

/** Why the server ended, once the testbed is closed. */
export type Finish =
  | { by: 'quit' }
  | { by: 'end-of-input'; wasOpen: boolean }
  | { by: 'halt'; reason: unknown }
  | { by: 'lease' }
  | { by: 'failure'; error: Error };

/**
 * Serves one caller, who has had the `ok` of the start: works off its lines one by one, one reply line each, until `quit`, the end of
 * the input, a failure or a halt; then closes the testbed. Knows no process, no stdin and no regime.
 * @param lines what the caller sends, without line ends, each character a byte
 */
export async function serve(
  lines: AsyncIterable<Bytes>,
  reply: Reply,
  session: Session,
  options: ServeOptions,
): Promise<Finish> {
  const { log, report } = options;
  const halt = anyOf(options.halt, reply.broken);
  const dialect = dialectState(options.dialect);
  const queue = queueLines(lines);

  /** Works off one line. True where it was `quit`. */
  async function workOff(line: Bytes): Promise<boolean> {
    const [word, ...words] = splitWords(line);
    if (word === undefined) return false;
    const name = decodeWord(word).replaceAll('_', '-');
    dialect.hear(name);
    const endOfInput = queue.exhausted;
    const call = { session, dialect: dialect.spoken, signal: halt, endOfInput, report };
    const { keyword, ...answer } = await answerTo(name, words, call);
    if (answer.error) log.warn(`${name}: ${answer.error.message}`);
    await reply.line([keyword, ...answer.words]);
    return name === 'quit';
  }

  async function serveLines(): Promise<Finish> {
    for (;;) {
      const lease = startLease(session.isOpen ? options.lease : undefined);
      // Of its own: one promise for all lines would hold on to each of them.
      const halted = heedAbort(halt);
      const line = await Promise.race([queue.next(), halted.aborted, lease.over]).finally(() => {
        halted.end();
        lease.stop();
      });
      if (line === EXPIRED) return { by: 'lease' };
      if (halt.aborted) return { by: 'halt', reason: halt.reason };
      if (line === undefined) return { by: 'end-of-input', wasOpen: session.isOpen };
      if (await workOff(line)) return { by: 'quit' };
    }
  }

  const finish = await serveLines().catch((error: unknown): Finish => {
    if (halt.aborted) return { by: 'halt', reason: halt.reason };
    return { by: 'failure', error: asError(error) };
  });
  return endWith(finish, session, options);
}

/** What a lease that is over resolves with: no line. */
const EXPIRED = Symbol('expired');

/** The time that a caller has for its next line. Past 31 bits of milliseconds it has for ever. */
function startLease(milliseconds = Infinity): { over: Promise<typeof EXPIRED>; stop: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<typeof EXPIRED>((resolve) => {
    if (milliseconds < 2 ** 31) timer = setTimeout(() => resolve(EXPIRED), milliseconds);
  });
  return { over, stop: () => clearTimeout(timer) };
}

/** Says what went wrong while it can still be looked at, then closes. */
async function endWith(
  finish: Finish,
  session: Session,
  { lease = 0, log, report }: ServeOptions,
): Promise<Finish> {
  if (finish.by === 'failure') {
    log.warn(`failure: ${finish.error.message}`);
    if (!(finish.error instanceof ProtocolError)) {
      report(await session.debugFailure().catch((error: unknown) => asError(error).message));
    }
  } else if (finish.by === 'lease') {
    log.warn(`failure: the lease is over: the caller has sent nothing for ${lease / 1000} s`);
  } else if (finish.by === 'end-of-input') {
    log.warn(finish.wasOpen ? 'failure: end of input while the testbed is open' : 'end of input');
  }
  try {
    const failed = finish.by === 'failure' || (finish.by === 'end-of-input' && finish.wasOpen);
    await session.close(failed);
    return finish;
  } catch (error) {
    log.warn(`failure: ${asError(error).message}`);
    return finish.by === 'quit' ? { by: 'failure', error: asError(error) } : finish;
  }
}
