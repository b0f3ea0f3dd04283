import type { Logger } from '../../log.ts';
import type { Place } from '../place.ts';

/** GNU tar, which keeps all that a copy has to keep, another (busybox, toybox, bsdtar), or none. */
export type TarKind = 'gnu' | 'plain' | 'none';

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
  const { label } = place;
  log.warn(
    tarOf(place) === 'none'
      ? `${label} has no tar: copies lose holes and, upwards, fractions of seconds`
      : `${label} has no GNU tar: copies lose fractions of seconds, holes and the times of directories`,
  );
}
