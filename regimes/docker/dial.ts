import type { Place } from '../../src/place/place.ts';
import type { Address } from './address.ts';
import { placeDialler, sshDialler } from './dial-command.ts';
import { socketDialler } from './dial-socket.ts';
import { dialAhead, type Dialler } from './line.ts';

/** Lines that are ready before somebody wants one, where a process has to be started for each. */
const AHEAD = 2;

/** The path of a socket that can be used as it is. */
export function socketHere({ url, sudo }: Address, outer: Place): string | undefined {
  return outer.isHost && !sudo && url.startsWith('unix://')
    ? url.slice('unix://'.length)
    : undefined;
}

/** What reaches an engine that is elsewhere: behind another Place, or at an address of the network. */
export function diallerFor(address: Address, outer: Place): Dialler {
  if (!outer.isHost) return dialAhead(placeDialler(address, outer), AHEAD);
  if (address.url.startsWith('ssh:')) return dialAhead(sshDialler(address), AHEAD);
  if (address.sudo) return dialAhead(placeDialler(address, outer), AHEAD);
  return socketDialler(address);
}
