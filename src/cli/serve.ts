import { inheritedDescriptors } from './descriptors.ts';
import { replyToStdout } from './stdout.ts';
import type { ServeRequest } from './request.ts';

/**
 * Serves the protocol on stdin and stdout. The caller waits for the first `ok`: what serving takes
 * is loaded after it.
 */
export async function serve(request: ServeRequest): Promise<void> {
  const inherited = inheritedDescriptors();
  const reply = replyToStdout();
  await reply.line(['ok']);
  const { runServer } = await import('./run-server.ts');
  await runServer(request, reply, inherited);
}
