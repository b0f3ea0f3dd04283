import { closeSync, openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';

import type { Bytes } from '../../../src/bytes.ts';
import { withoutControls } from '../../../src/log.ts';
import { askInTurn } from '../../../src/turns.ts';

/** A question to the person at the terminal. */
export interface Question {
  /** What may come from a peer: it is shown without what would steer the terminal. */
  prompt: string;
  /** True where what is typed is shown. */
  echo?: boolean;
  signal: AbortSignal;
}

const TERMINAL = '/dev/tty';
const INTERRUPT = '\x03';
const END = '\x04';
const KILL_LINE = '\x15';
const ERASE = ['\x7f', '\b'];

/** True where there is a terminal to ask on. */
export function hasTerminal(): boolean {
  try {
    closeSync(openSync(TERMINAL, 'r+'));
    return true;
  } catch {
    return false;
  }
}

/** Milliseconds that a signal may take until it is heard. */
const GRACE = 1000;

/**
 * Asks on the terminal (/dev/tty), never on stdin, which belongs to the protocol.
 * @returns undefined where there is no terminal, or nobody answers
 */
export function ask(question: Question): Promise<Bytes | undefined> {
  return askInTurn(() => askNow(question));
}

async function askNow({ prompt, echo = false, signal }: Question): Promise<Bytes | undefined> {
  if (signal.aborted) return undefined;
  let terminal: number;
  try {
    terminal = openSync(TERMINAL, 'r+');
  } catch {
    return undefined;
  }
  const input = new ReadStream(terminal);
  const say = (text: string) => {
    try {
      writeSync(terminal, text);
    } catch {
      // It has hung up: nobody sees it.
    }
  };
  input.on('error', () => {}); // As when it has hung up.
  try {
    input.setRawMode(true);
    say(`${withoutControls(prompt)} `);
    const answer = await readLine(input, echo ? say : () => {}, signal);
    say('\r\n');
    return answer;
  } finally {
    input.setRawMode(false);
    input.destroy();
  }
}

/** Reads keys until the line ends. The terminal is raw: what Ctrl-C means is up to us. */
function readLine(
  input: ReadStream,
  echo: (text: string) => void,
  signal: AbortSignal,
): Promise<Bytes | undefined> {
  return new Promise((resolve) => {
    let line = '';
    let timer: NodeJS.Timeout | undefined;
    const stop = () => {
      clearTimeout(timer);
      resolve(undefined);
    };
    /** Whoever hears the signal gives up what we ask for. */
    const interrupt = () => {
      process.kill(process.pid, 'SIGINT');
      timer ??= setTimeout(stop, GRACE);
    };
    signal.addEventListener('abort', stop, { once: true });
    input.once('close', stop);
    input.on('error', stop);
    input.setEncoding('latin1').on('data', (keys: string) => {
      for (const key of keys) {
        if (key === '\r' || key === '\n') return resolve(line);
        if (key === INTERRUPT) return interrupt();
        if (key === END && line === '') return stop();
        if (key === KILL_LINE) line = '';
        else if (ERASE.includes(key)) line = line.slice(0, -1);
        else if (key >= ' ') {
          line += key;
          echo(key);
        }
      }
    });
  });
}
