import type { Logger } from '../../log.ts';
import type { Place } from '../place.ts';

/** GNU tar, which keeps all that a copy has to keep, or another (busybox, toybox, bsdtar). */
export type TarKind = 'gnu' | 'plain';

const kinds = new WeakMap<Place, TarKind>();
const warned = new WeakSet<Place>();

/** The kind last met on a Place. GNU tar until then: guessing wrong costs one more start. */
export function tarOf(place: Place): TarKind {
  return kinds.get(place) ?? 'gnu';
}

export function rememberTar(place: Place, kind: TarKind): void {
  kinds.set(place, kind);
}

/** Says once for each Place what its tar can't do. */
export function warnOfPlainTar(place: Place, log: Logger): void {
  if (warned.has(place)) return;
  warned.add(place);
  log.warn(
    `${place.label} has no GNU tar: copies lose fractions of seconds, holes and the times of directories`,
  );
}
