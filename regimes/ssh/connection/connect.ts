import type { Context } from '../../../src/regime.ts';
import type { Connection } from './channel.ts';
import { dial } from './dial.ts';
import { openLink } from './link.ts';
import type { Target } from './target.ts';

/**
 * Connects to a host and logs in.
 * @throws TestbedError with one line that says what to do
 */
export async function connect(
  target: Target,
  context: Pick<Context, 'signal' | 'log'>,
): Promise<Connection> {
  const link = await openLink(target, await dial(target, context.signal), context);
  return {
    label: target.label,
    lost: link.lost,
    exec: (command, options = {}) => link.exec(command, options),
    close: () => link.close(),
  };
}
