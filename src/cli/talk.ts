import { percentDecode, percentEncode, textOf, type Argv, type Bytes } from '../bytes.ts';
import { asError, ProtocolError } from '../errors.ts';
import { answerTo, type Answer } from '../protocol/answer.ts';
import type { Dialect } from '../protocol/dialect.ts';
import type { Session } from '../protocol/session.ts';
import { decodeWord } from '../protocol/words.ts';
import { passOn } from './pass-on.ts';
import type { Transcript } from './transcript.ts';

/** An answer, and the exit status of the command that it tells of, where there was one. */
export interface Said extends Answer {
  status?: number;
}

/** The protocol as people and scripts speak it: words as they are, not encoded. */
export interface Talk {
  readonly session: Session;
  /**
   * Carries out a command of the protocol, or `!` with a command for the testbed, whose exit status
   * is then the result. The words of the answer are decoded.
   * @throws as `answerTo`
   */
  say(words: Argv, signal: AbortSignal): Promise<Said>;
}

/**
 * @param report shows text to the person
 * @param transcript where all is written down as it would be said on the wire
 */
export function talkTo(
  session: Session,
  dialect: Dialect,
  report: (text: string) => void,
  transcript?: Transcript,
): Talk {
  async function answerWire(words: Argv, signal: AbortSignal): Promise<Said> {
    const [name = '', ...rest] = words;
    if (name === '!') {
      const status = await runThere(session, rest.map(percentDecode), signal);
      return { keyword: 'ok', words: [String(status)], status };
    }
    const answer = await answerTo(name, rest, { session, dialect, signal, report });
    return name === 'execute' ? { ...answer, status: Number(answer.words[0]) } : answer;
  }
  return {
    session,
    async say([first = '', ...rest], signal) {
      const name = first.startsWith('!') ? '!' : first.replaceAll('_', '-');
      const command = name === '!' && first !== '!' ? [first.slice(1), ...rest] : rest;
      const words = [name, ...command.map((word, index) => encoded(name, word, index))];
      transcript?.note('caller', words.join(' '));
      try {
        const answer = await answerWire(words, signal);
        const line = [answer.keyword, ...answer.words].join(' ');
        transcript?.note('server', line, answer.error?.message);
        return { ...answer, words: answer.words.map(decodeWord) };
      } catch (cause) {
        transcript?.note('server', 'failed', asError(cause).message);
        throw cause;
      }
    },
  };
}

/** The members of `execute`'s first word are parted by commas, and its keywords hold an equals sign. */
function encoded(name: string, word: Bytes, index: number): Bytes {
  if (name !== 'execute') return percentEncode(word);
  if (index === 0) return word.split(',').map(percentEncode).join(',');
  return word.split('=').map(percentEncode).join('=');
}

async function runThere(session: Session, command: Argv, signal: AbortSignal): Promise<number> {
  if (!session.isOpen) throw new ProtocolError('!: the testbed is not open');
  if (command.length === 0) throw new ProtocolError('!: a command is wanted');
  const status = await passOn(session.auxverb(), command, signal);
  signal.throwIfAborted();
  return status;
}

/** An answer as a line to read. */
export function describeAnswer({ keyword, words, error }: Answer): string {
  const line = [keyword, ...words.map(textOf)].join(' ');
  return error ? `${line}: ${error.message}` : line;
}
