import { shown } from '../errors.ts';
import { check } from './check.ts';
import type { Client } from '../client/client.ts';

/**
 * Quits a server that a case left running, and looks for output that was not asked for.
 * @throws Departure for a line too many, DeadlinePassed where it does not end
 */
export async function quit(client: Client): Promise<void> {
  if (client.hasEnded) {
    const stray = client.unread().join(' ');
    check(stray === '', `a line on stdout that is no reply: ${shown(stray)}`);
    return;
  }
  client.send('quit\n');
  client.closeInput();
  await client.ended();
  const [first, ...rest] = client.unread();
  // Whether quit is answered is the business of one case, not of all.
  const stray = first === 'ok' || first === undefined ? rest : [first, ...rest];
  check(stray.length === 0, `a line on stdout that is no reply: ${shown(stray.join(' '))}`);
}

const endings = new WeakMap<Client, Promise<void>>();

/**
 * Ends a server by force: SIGTERM, so that it can clean up, then SIGKILL. However often it is
 * called, the server gets one SIGTERM: a second one may end it before it has cleaned up.
 */
export function end(client: Client): Promise<void> {
  const ending = endings.get(client) ?? terminate(client);
  endings.set(client, ending);
  return ending;
}

async function terminate(client: Client): Promise<void> {
  if (client.hasEnded) return;
  client.signal('SIGTERM');
  await client.ended(5000).catch(() => client.kill());
}
