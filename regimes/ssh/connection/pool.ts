import type { Bytes } from '../../../src/bytes.ts';
import { asError, TestbedError } from '../../../src/errors.ts';
import type { Channel, Connection, ExecOptions } from './channel.ts';
import { ChannelRefused, type Link } from './link.ts';

/** Makes a further connection. */
export type OpenLink = (signal: AbortSignal) => Promise<Link>;

/** More connections than any caller needs, and fewer than trouble a server. */
const MAX_LINKS = 64;

/** Connections that are being made at once: servers drop some of many (MaxStartups). */
const MAX_DIALLING = 2;

/** Milliseconds that a command waits for the end of another before a connection is made for it. */
const PATIENCE = 25;

/** Milliseconds until a connection is tried again that could not be made. */
const REST = 1000;

/** Milliseconds until a further connection that is not needed any more is closed. */
const IDLE = 30_000;

/** A connection with what was learnt of it. */
interface Member {
  link: Link;
  /** Commands that have a channel on it, or are about to. */
  taken: number;
  /** Channels that it takes. */
  limit: number;
  /** It has opened a channel. */
  proven: boolean;
  idle?: NodeJS.Timeout;
}

/** A command that waits for a channel. */
interface Waiting {
  /** Connections that have refused it. */
  refusedBy: ReadonlySet<Member>;
  start(member: Member): void;
  fail(cause: Error): void;
}

/**
 * Many connections that look like one: where one takes no more channels a further one is opened, and
 * closed again when it is idle. Commands get their channels in the order in which they were asked for.
 * @throws TestbedError where the first one can't be made
 */
export async function makePool(
  label: string,
  open: OpenLink,
  signal: AbortSignal,
): Promise<Connection> {
  const first = asMember(await open(signal));
  const members = [first];
  const queue: Waiting[] = [];
  const closing = new AbortController();
  let sessions = first.limit;
  let dialling = 0;
  let rest = PATIENCE;
  let timer: NodeJS.Timeout | undefined;

  const findRoom = (refusedBy: ReadonlySet<Member>) =>
    members.find((member) => member.taken < member.limit && !refusedBy.has(member));

  /** Hands out what is free, and sees to it that there will be more. */
  const advance = () => {
    for (const waiting of [...queue]) {
      const member = findRoom(waiting.refusedBy);
      if (!member) continue;
      queue.splice(queue.indexOf(waiting), 1);
      member.taken += 1;
      waiting.start(member);
    }
    if (queue.length > 0 && !closing.signal.aborted) timer ??= setTimeout(dialMore, rest);
  };

  const dialMore = () => {
    timer = undefined;
    const wanted = Math.min(MAX_DIALLING, Math.ceil(queue.length / sessions));
    while (dialling < wanted && members.length + dialling < MAX_LINKS) {
      dialling += 1;
      void dialAnother().finally(() => {
        dialling -= 1;
        advance();
      });
    }
  };

  const dialAnother = async () => {
    try {
      const member = asMember(await open(closing.signal), sessions);
      members.push(member);
      rest = PATIENCE;
      void member.link.lost.then(() => members.splice(members.indexOf(member), 1));
    } catch (cause) {
      rest = REST;
      // What waits may still get the channel of a command that ends: not where none runs.
      if (members.every(({ taken }) => taken === 0)) failAll(asError(cause));
    }
  };

  const failAll = (cause: Error) => {
    for (const waiting of queue.splice(0)) waiting.fail(cause);
  };

  const release = (member: Member) => {
    member.taken -= 1;
    advance();
    // The first connection stays: with it all are lost.
    if (member.taken > 0 || member === first) return;
    member.idle = setTimeout(() => member.link.close(), IDLE).unref();
  };

  void first.link.lost.then((cause) => {
    closing.abort(cause);
    clearTimeout(timer);
    for (const { link } of members) link.close();
    failAll(cause);
  });

  /** A connection with room for one command, which counts as taken. */
  const take = (refusedBy: ReadonlySet<Member>, given?: AbortSignal): Promise<Member> => {
    const member = queue.length === 0 ? findRoom(refusedBy) : undefined;
    if (member) {
      member.taken += 1;
      return Promise.resolve(member);
    }
    return new Promise((resolve, reject) => {
      const stop = () => {
        queue.splice(queue.indexOf(waiting), 1);
        reject(asError(given?.reason));
      };
      const settled = () => given?.removeEventListener('abort', stop);
      const waiting: Waiting = {
        refusedBy,
        start: (found) => {
          settled();
          resolve(found);
        },
        fail: (cause) => {
          settled();
          reject(cannotRun(label, cause));
        },
      };
      given?.addEventListener('abort', stop, { once: true });
      // Who was refused has waited already.
      if (refusedBy.size > 0) queue.unshift(waiting);
      else queue.push(waiting);
      advance();
    });
  };

  const exec = async (command: Bytes, options: ExecOptions = {}): Promise<Channel> => {
    const refusedBy = new Set<Member>();
    for (;;) {
      options.signal?.throwIfAborted();
      if (closing.signal.aborted) throw cannotRun(label, await first.link.lost);
      const member = await take(refusedBy, options.signal);
      clearTimeout(member.idle);
      try {
        const channel = await member.link.exec(command, options);
        member.proven = true;
        void channel.ended.then(() => release(member));
        return channel;
      } catch (cause) {
        const isFull = cause instanceof ChannelRefused;
        const isUseless = member.taken === 1 && !member.proven;
        // It takes no more than it has now.
        if (isFull) sessions = member.limit = Math.max(1, member.taken - 1);
        release(member);
        if (!isFull) throw cause;
        if (isUseless) throw cannotRun(label, cause, 'is MaxSessions of its sshd_config 0?');
        refusedBy.add(member);
      }
    }
  };
  return { label, lost: first.link.lost, exec, close: () => first.link.close() };
}

function asMember(link: Link, limit = link.sessions): Member {
  return { link, taken: 0, limit, proven: false };
}

function cannotRun(label: string, cause: Error, hint?: string): TestbedError {
  const step = `cannot run a command on ${label}`;
  return new TestbedError({ step, status: cause.message, cause, ...(hint && { hint }) });
}
