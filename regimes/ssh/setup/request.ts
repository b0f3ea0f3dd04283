import { textOf } from '../../../src/bytes.ts';
import { TestbedError, UsageError } from '../../../src/errors.ts';
import { readHost } from '../connection/host-words.ts';
import { readPort } from '../connection/keywords.ts';
import type { Request } from '../connection/target.ts';
import { readSshWords } from '../ssh-words.ts';
import type { SetupAnswer } from './answer.ts';

/**
 * The host that a setup script made. What the command line says goes before what the script says. Its
 * key can't be known: the first one that is seen is written into a file of the session's own.
 * @param given what the command line says
 * @param knownHosts the path of that file
 * @throws TestbedError where the script names no host, or what it says can't be followed
 */
export function requestOf(
  given: Partial<Request>,
  answer: SetupAnswer,
  knownHosts: string,
): Request {
  try {
    return merge(given, answer, knownHosts);
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    const step = 'what the setup script says can not be followed';
    throw new TestbedError({ step, status: cause.message, cause });
  }
}

function merge(
  given: Partial<Request>,
  { hostname, login, port, identity, options }: SetupAnswer,
  knownHosts: string,
): Request {
  const named = hostname ? readHost(textOf(hostname)) : undefined;
  const host = given.host ?? named?.host;
  if (host === undefined) throw new UsageError('it prints no line hostname=');
  return {
    ...named,
    ...(login && { user: textOf(login) }),
    ...(port && { port: readPort(textOf(port)) }),
    ...(identity && { identityFiles: [textOf(identity)] }),
    ...given,
    host,
    options: [...(given.options ?? []), ...readSshWords(textOf(options ?? ''))],
    hostKey: 'accept-new',
    knownHosts,
  };
}
