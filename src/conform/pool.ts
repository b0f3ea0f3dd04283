import type { Argv, Bytes } from '../bytes.ts';
import { auxverbWord, openTestbed } from './bed.ts';
import type { Dialect } from './case.ts';
import { startServer, type Client, type Happening } from '../client/client.ts';
import { end } from './ending.ts';

/** An open session that cases use one after the other. */
export interface SharedSession {
  readonly client: Client;
  readonly scratch: Bytes;
  readonly auxverb: Argv;
  /** Says who hears what happens from now on. */
  listen(observe: (happening: Happening) => void): void;
}

/** Sessions for cases that leave them as they were: starting a server takes longer than most cases. */
export interface Pool {
  take(dialect: Dialect, observe: (happening: Happening) => void): Promise<SharedSession>;
  give(dialect: Dialect, session: SharedSession): Promise<void>;
  /** Ends the sessions that nobody uses. */
  drain(): Promise<void>;
}

/**
 * @param keep false where an open session would keep others from the testbed: each is then ended as
 *   soon as it is given back
 */
export function sessionPool(server: readonly string[], keep: boolean): Pool {
  const idle: Record<Dialect, SharedSession[]> = { classic: [], current: [] };

  async function begin(dialect: Dialect, first: (happening: Happening) => void) {
    let observe = first;
    const client = startServer(server, { observe: (happening) => observe(happening) });
    try {
      await client.ready();
      const scratch = await openTestbed(client);
      const auxverb = await client.auxverb(auxverbWord(dialect));
      const listen: SharedSession['listen'] = (next) => (observe = next);
      return { client, scratch, auxverb, listen };
    } catch (error) {
      await end(client);
      throw error;
    }
  }

  return {
    async take(dialect, observe) {
      const session = idle[dialect].pop();
      if (!session || session.client.hasEnded) return begin(dialect, observe);
      session.listen(observe);
      return session;
    },
    async give(dialect, session) {
      idle[dialect].push(session);
      if (!keep) await this.drain();
    },
    async drain() {
      for (const { client } of [...idle.classic.splice(0), ...idle.current.splice(0)]) {
        client.send('quit\n');
        client.closeInput();
        await client.ended().catch(() => end(client));
      }
    },
  };
}
