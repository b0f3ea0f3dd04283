import type { Context } from '../../../src/regime.ts';
import type { Connection } from './channel.ts';
import { openLink } from './link.ts';
import { makePool } from './pool.ts';
import { findRoad } from './route.ts';
import type { Target } from './target.ts';

/**
 * Connects to a host and logs in.
 * @throws TestbedError with one line that says what to do
 */
export async function connect(
  target: Target,
  context: Pick<Context, 'signal' | 'log'>,
): Promise<Connection> {
  const road = await findRoad(target, context);
  const { log } = context;
  const open = async (signal: AbortSignal) => openLink(target, await road.open(), { signal, log });
  try {
    const pool = await makePool(target.label, open, context.signal);
    void pool.lost.then(() => road.close());
    return pool;
  } catch (cause) {
    road.close();
    throw cause;
  }
}
