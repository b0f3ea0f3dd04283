import { UsageError } from '../../../src/errors.ts';
import { readPort } from './keywords.ts';
import type { Request } from './target.ts';

/** Reads `[USER@]HOST[:PORT]` or `ssh://[USER@]HOST[:PORT]`. @throws UsageError */
export function readHost(words: string): Pick<Request, 'host' | 'user' | 'port'> {
  const isUri = /^ssh:\/\//i.test(words);
  const rest = isUri ? words.slice(6).replace(/\/$/, '') : words;
  const [, user, hostAndPort = ''] = /^(?:(.*)@)?(.*)$/s.exec(rest) ?? [];
  const withPort = /^(\[.*\]|[^:]*):([0-9]+)$/.exec(hostAndPort);
  const [, host = '', port] = withPort ?? ['', hostAndPort];
  if (!/^(\[[^\]]+\]|[^-[\]\s/][^[\]\s/]*)$/.test(host) || user === '') {
    throw new UsageError(`not [USER@]HOST: ${words}`);
  }
  return {
    host,
    ...(user !== undefined && { user }),
    ...(port !== undefined && { port: readPort(port) }),
  };
}
