import type { Bytes } from '../../bytes.ts';
import { shown } from '../../errors.ts';

/** A directory's name without slashes at its end, and so that no program takes it for an option. */
export function plainName(name: Bytes): Bytes {
  const stripped = name.replace(/\/+$/, '');
  if (stripped === '') return '/';
  return stripped.startsWith('/') ? stripped : `./${stripped}`;
}

/** A plain name from the root on, where commands on a testbed start. */
export function absoluteName(name: Bytes): Bytes {
  return name.startsWith('/') ? name : `/${name.replace(/^\.\/+/, '')}`;
}

/** The directory that a name is in, as `dirname`. */
export function parentOf(name: Bytes): Bytes {
  const slash = name.lastIndexOf('/');
  if (slash < 0) return '.';
  return slash === 0 ? '/' : name.slice(0, slash);
}

/** `name` in `directory`. */
export function joinName(directory: Bytes, name: Bytes): Bytes {
  return directory.endsWith('/') ? `${directory}${name}` : `${directory}/${name}`;
}

/** True where `inner` is `outer` or something in it; both absolute and without links. */
export function isWithin(inner: Bytes, outer: Bytes): boolean {
  return inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`);
}

/** A name as a message shows it: on one line, and of a length that leaves room for the rest. */
export function named(name: Bytes): string {
  return shown(name, 200);
}
