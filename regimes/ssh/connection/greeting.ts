import type { Readable } from 'node:stream';

/** Channels that a server allows on a connection as it comes (MaxSessions of sshd_config(5)). */
const USUAL_SESSIONS = 10;

/** Bytes of a greeting that are looked at: RFC 4253 has lines of 255, and some lines before it. */
const MUCH = 4096;

/**
 * Reads along what a server says of itself (`SSH-2.0-SOFTWARE COMMENT`, RFC 4253, 4.2).
 * @returns what gives the line, without its end; empty as long as it has not come
 */
export function overhearGreeting(stream: Readable): () => string {
  let text = '';
  const look = (chunk: Buffer) => {
    text += chunk.toString('latin1', 0, MUCH);
    if (/^SSH-.*\n/m.test(text) || text.length > MUCH) stream.removeListener('data', look);
  };
  stream.on('data', look);
  return () => /^SSH-.*/m.exec(text)?.[0].trimEnd() ?? '';
}

/**
 * How many commands are run at once on one connection to a server that greets like this.
 *
 * dropbear 2022.82 to 2024.85 closes a channel whose command was not yet asked for when another command
 * of the connection ends, or ends the whole connection by a failed assertion
 * (github.com/mkj/dropbear/issues/321): with one at a time that can't be.
 */
export function sessionsOf(greeting: string): number {
  const [, year, release] = /^SSH-2\.0-dropbear_(\d{4})\.(\d+)/.exec(greeting) ?? [];
  const version = Number(`${year}.${release}`);
  return version >= 2022.82 && version <= 2024.85 ? 1 : USUAL_SESSIONS;
}
