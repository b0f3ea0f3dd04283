import type { Logger } from '../log.ts';
import type { Repository } from '../session/repository.ts';
import type { Session } from '../protocol/session.ts';
import { createSession } from '../session/session.ts';
import { followSession, progressOnTerminal } from './progress.ts';
import type { ServeRequest } from './request.ts';

/** Seconds that a copy may take where the environment says nothing else. */
const COPY_TIMEOUT = 300;

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
    copyTimeLimit: copyTimeLimit() * 1000,
    inherited,
  });
  return progress ? followSession(session, progress) : session;
}

function copyTimeLimit(): number {
  const seconds = Number(process.env['AUTOPKGTEST_VIRT_COPY_TIMEOUT'] ?? COPY_TIMEOUT);
  return seconds > 0 && seconds < 2_147_483 ? seconds : COPY_TIMEOUT;
}
