import type { Logger } from '../log.ts';
import type { Repository } from '../session/repository.ts';
import type { Session } from '../protocol/session.ts';
import { createSession } from '../session/session.ts';
import { followSession, progressOnTerminal } from './progress.ts';
import type { ServeRequest } from './request.ts';

/** Seconds that a copy may take where the environment says nothing else. */
const COPY_TIMEOUT = 300;

/** The longest that a timer of Node's can wait, in seconds (2^31-1 ms). */
const LONGEST = 2_147_483;

/**
 * The session that a command line asks for; nothing is opened yet.
 * @param inherited the descriptors that the caller passed on
 */
export function sessionOf(
  { chain, options }: ServeRequest,
  log: Logger,
  repository: Repository,
  inherited: ReadonlySet<number>,
): Session {
  const progress = options.raw ? undefined : progressOnTerminal();
  const session = createSession({
    chain,
    repository,
    log: progress?.loggerOver(log) ?? log,
    vouched: options.capabilities,
    ...(options.scratchMode !== undefined && { scratchMode: options.scratchMode }),
    ...(options.timeoutOpen !== undefined && { timeoutOpen: options.timeoutOpen }),
    ...(options.wait !== undefined && { wait: options.wait }),
    keep: options.keep,
    share: options.share,
    setup: options.setup,
    copyTimeLimit: copyTimeLimit(),
    inherited,
  });
  return progress ? followSession(session, progress) : session;
}

/** Milliseconds that a copy may take. @param given seconds, as the environment has them */
export function copyTimeLimit(given = process.env['AUTOPKGTEST_VIRT_COPY_TIMEOUT']): number {
  const seconds = Number(given ?? COPY_TIMEOUT);
  return (seconds > 0 ? Math.min(seconds, LONGEST) : COPY_TIMEOUT) * 1000;
}
