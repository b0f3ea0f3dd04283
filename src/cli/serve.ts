import { isatty } from 'node:tty';

import { defaultStateDirectory } from '../session/state-directory.ts';
import { inheritedDescriptors } from './descriptors.ts';
import { replyToStdout } from './stdout.ts';
import type { ServeRequest } from './request.ts';
import { leavePipesBlocking } from './shared-pipes.ts';
import type { Transcript } from './transcript.ts';

/**
 * Serves the protocol on stdin and stdout, or a person where both are a terminal. The caller waits for
 * the first `ok`: what serving takes is loaded after it.
 */
export async function serve(request: ServeRequest): Promise<void> {
  const inherited = inheritedDescriptors();
  request.options.stateDir ??= defaultStateDirectory();
  if (isatty(0) && isatty(1)) {
    request.options.dialect ??= 'current';
    if (!request.options.raw) {
      const { runTerminal } = await import('./terminal/terminal.ts');
      return runTerminal(request, inherited);
    }
  }
  leavePipesBlocking();
  const transcript = await openTranscript(request);
  const plain = replyToStdout();
  const reply = transcript?.replies(plain) ?? plain;
  await reply.line(['ok']);
  const { runServer } = await import('./run-server.ts');
  await runServer(request, reply, inherited, transcript);
}

async function openTranscript({ options }: ServeRequest): Promise<Transcript | undefined> {
  if (options.transcript === undefined) return undefined;
  return (await import('./transcript.ts')).transcriptOf(options);
}
