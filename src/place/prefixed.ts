import type { Argv } from '../bytes.ts';
import type { Place } from './place.ts';

/** The Place behind an auxverb: a command runs there when `inner` stands before it on `outer`. */
export function prefixedPlace(label: string, inner: Argv, outer: Place): Place {
  return {
    label,
    prefix: [...outer.prefix, ...inner],
    isHost: false,
    ...(outer.relayed && { relayed: true }),
    run: (argv, options) => outer.run([...inner, ...argv], options),
    spawn: (argv, options) => outer.spawn([...inner, ...argv], options),
  };
}
