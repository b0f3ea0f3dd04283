import { isUtf8 } from 'node:buffer';
import { closeSync, constants, openSync, writeSync } from 'node:fs';

import { bufferOf, percentDecode, percentEncode, textOf, type Bytes } from '../bytes.ts';
import { asError, UsageError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Reply } from '../protocol/reply.ts';

/** A record of what is said both ways: one JSON object a line, for its owner only. */
export interface Transcript {
  /** The lines of a caller, which are written down as they come. */
  lines(lines: AsyncIterable<Bytes>): AsyncIterable<Bytes>;
  /** A writer of replies, which are written down first. */
  replies(reply: Reply): Reply;
}

/** Names of variables whose values are nobody's business. */
const SECRET = /PASS|SECRET|TOKEN|CREDENTIAL|KEY/i;

/**
 * Opens a transcript, which goes on where the file is there already. When it can't be written any more
 * that is said once; the session goes on without.
 * @throws UsageError where the file can't be opened
 */
export function openTranscript(path: string, log: Logger): Transcript {
  const { O_APPEND, O_CREAT, O_WRONLY } = constants;
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, O_APPEND | O_CREAT | O_WRONLY, 0o600);
  } catch (cause) {
    throw new UsageError(`--transcript: ${asError(cause).message}`);
  }
  const add = (from: 'caller' | 'server', line: Bytes) => {
    if (descriptor === undefined) return;
    const entry = { time: new Date().toISOString(), from, line: readable(withoutSecrets(line)) };
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
    async *lines(lines) {
      for await (const line of lines) {
        add('caller', line);
        yield line;
      }
    },
    replies: (reply) => ({
      broken: reply.broken,
      line(words) {
        add('server', words.join(' '));
        return reply.line(words);
      },
    }),
  };
}

/** The values of variables in the words of `execute` (`env=NAME=VALUE`) and `shell` (`NAME=VALUE`). */
function withoutSecrets(line: Bytes): Bytes {
  if (!/^\s*(execute|shell)\s/.test(line)) return line;
  return line.replace(/[^\s=]+=\S*/g, (word) => {
    const [, head, name = ''] = /^((?:env=)?([^=]*)=)/.exec(percentDecode(word)) ?? [];
    return head !== undefined && SECRET.test(name) ? `${percentEncodeHead(head)}***` : word;
  });
}

function percentEncodeHead(head: Bytes): Bytes {
  return head.split('=').map(percentEncode).join('=');
}

/** Bytes that are no text stand encoded, which is the same to the protocol. */
function readable(line: Bytes): string {
  if (isUtf8(bufferOf(line))) return textOf(line);
  return line.replace(/[\x80-\xff]/g, percentEncode);
}
