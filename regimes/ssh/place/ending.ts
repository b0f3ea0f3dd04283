import { TestbedError } from '../../../src/errors.ts';
import type { Ending } from '../../../src/place/place.ts';
import { shellStatus } from '../../../src/place/shell-status.ts';
import type { ChannelEnding } from '../connection/channel.ts';

/** How a command of a Place ended; 254 and 255 are the auxverb's own words. @throws TestbedError */
export function endingOf(ending: ChannelEnding, label: string): Ending {
  if ('lost' in ending) {
    throw new TestbedError({ step: `the connection to ${label} is lost`, status: ending.lost });
  }
  return 'status' in ending ? { status: Math.min(ending.status, 253) } : ending;
}

/** The exit status of an auxverb. @throws TestbedError */
export function statusOf(channelEnding: ChannelEnding, label: string): number {
  return shellStatus(endingOf(channelEnding, label));
}
