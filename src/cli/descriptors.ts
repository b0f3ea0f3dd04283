import { readdirSync, readlinkSync } from 'node:fs';

/**
 * The descriptors that whoever started this process passed to it, of those that can be written to:
 * pipes, sockets and files. Stdout is left out: it belongs to the protocol. Node's own are told by
 * what they are: event descriptors, and pipes of which it holds both ends. To be called before
 * anything is opened.
 */
export function inheritedDescriptors(): ReadonlySet<number> {
  const targets = new Map<number, string>();
  for (const name of readdirSync('/proc/self/fd')) {
    const number = Number(name);
    if (number < 2) continue;
    try {
      targets.set(number, readlinkSync(`/proc/self/fd/${name}`));
    } catch {
      // The descriptor by which the directory was read.
    }
  }
  const all = [...targets.values()];
  const isOwn = (target: string) =>
    target.startsWith('anon_inode:') ||
    (target.startsWith('pipe:') && all.filter((other) => other === target).length > 1);
  return new Set([...targets].filter(([n, t]) => n === 2 || !isOwn(t)).map(([n]) => n));
}
