import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, lstatSync, openSync, writeSync } from 'node:fs';

import { bufferOf, percentEncode, textOf, type Bytes } from '../bytes.ts';
import { asError, UsageError } from '../errors.ts';
import { stderrLogger, type Logger } from '../log.ts';
import type { Reply } from '../protocol/reply.ts';
import type { ServerOptions } from './request.ts';
import { hide, withoutSecrets } from './secrets.ts';

/** A record of what is said both ways: one JSON object a line, for its owner only. */
export interface Transcript {
  /** Writes down one line, as it is on the wire, and what a person was told with it. */
  note(from: 'caller' | 'server', line: Bytes, error?: string): void;
  /** The lines of a caller, which are written down as they come. */
  lines(lines: AsyncIterable<Bytes>): AsyncIterable<Bytes>;
  /** A writer of replies, which are written down first. */
  replies(reply: Reply): Reply;
}

/** The transcript that the options ask for. @throws UsageError where its file can't be opened */
export function transcriptOf({ transcript, debug }: ServerOptions): Transcript | undefined {
  return transcript === undefined ? undefined : openTranscript(transcript, stderrLogger(debug));
}

/** When the file can't be written any more that is said once; the session goes on without. */
function openTranscript(path: string, log: Logger): Transcript {
  let descriptor: number | undefined;
  try {
    descriptor = openOwn(path);
  } catch (cause) {
    throw new UsageError(`--transcript: ${asError(cause).message}`);
  }
  const note: Transcript['note'] = (from, line, error) => {
    if (descriptor === undefined) return;
    const entry = {
      time: new Date().toISOString(),
      from,
      line: readable(withoutSecrets(line)),
      ...(error !== undefined && { error: hide(error) }),
    };
    try {
      const bytes = Buffer.from(`${JSON.stringify(entry)}\n`);
      if (writeSync(descriptor, bytes) < bytes.length) throw new Error('the disk is full');
    } catch (cause) {
      closeSync(descriptor);
      descriptor = undefined;
      log.warn(`the transcript ends here: ${asError(cause).message}`);
    }
  };
  return {
    note,
    async *lines(lines) {
      for await (const line of lines) {
        note('caller', line);
        yield line;
      }
    },
    replies: (reply) => ({
      broken: reply.broken,
      line(words) {
        note('server', words.join(' '));
        return reply.line(words);
      },
    }),
  };
}

/**
 * Opens a file to add to it, and makes it where it is not there, for its owner only. Where others may
 * make files they could have put one there, or a link to one of ours.
 */
function openOwn(path: string): number {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
  const link = lstatSync(path, { throwIfNoEntry: false });
  const own = (uid: number) => uid === process.geteuid?.() || uid === 0;
  const isOwnLink = link?.isSymbolicLink() === true && own(link.uid);
  const flags = O_APPEND | O_CREAT | O_WRONLY | O_NONBLOCK | (isOwnLink ? 0 : O_NOFOLLOW);
  const descriptor = openSync(path, flags, 0o600);
  const found = fstatSync(descriptor);
  if (found.isCharacterDevice() || (found.isFile() && own(found.uid))) return descriptor;
  closeSync(descriptor);
  throw new Error(`${path} is no file of yours`);
}

/** Bytes that are no text stand encoded, which is the same to the protocol. */
function readable(line: Bytes): string {
  if (isUtf8(bufferOf(line))) return textOf(line);
  return line.replace(/[\x80-\xff]/g, percentEncode);
}
