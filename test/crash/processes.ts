import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process as it was seen; its start tells it from a later one with its number. */
export interface Seen {
  pid: number;
  parent: number;
  group: number;
  started: string;
  state: string;
  /** Its namespaces, `pid:[N]` and `mnt:[N]`; empty where we may not look. */
  spaces: string;
  command: string;
}

/** All processes of this machine but zombies, which hold nothing. */
export function allProcesses(): Seen[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? look(Number(name)) : []));
}

function look(pid: number): Seen[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state = '', parent, group] = fields;
    if (/[ZX]/.test(state)) return [];
    return [
      {
        pid,
        parent: Number(parent),
        group: Number(group),
        started: fields[19] ?? '',
        state,
        spaces: spacesOf(pid),
        command: readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim(),
      },
    ];
  } catch {
    return []; // It ended while we looked.
  }
}

function spacesOf(pid: number): string {
  try {
    return ['pid', 'mnt'].map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`)).join(' ');
  } catch {
    return '';
  }
}

/** True where a process of this machine has been stopped by a signal. */
export function isStopped(pid: number): boolean {
  return look(pid).some(({ state }) => state === 'T');
}

/** SIGKILL to a process, or as a negative number to a group, that may have ended already. */
export function killIfThere(target: number): void {
  try {
    process.kill(target, 'SIGKILL');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

/** A process and all that descend from it. */
export function familyOf(ancestor: number, all = allProcesses()): Seen[] {
  const family = all.filter(({ pid }) => pid === ancestor);
  for (const member of family) family.push(...all.filter(({ parent }) => parent === member.pid));
  return family;
}

/** Adds to a list what lives in a mount namespace of one of its members that is not ours. */
export function withNeighbours(family: readonly Seen[], all = allProcesses()): Seen[] {
  const own = spacesOf(process.pid);
  const spaces = new Set(family.map((member) => member.spaces).filter((s) => s && s !== own));
  const known = new Set(family.map(({ pid }) => pid));
  return [...family, ...all.filter((one) => spaces.has(one.spaces) && !known.has(one.pid))];
}

/** Which of these still run, by number and start. */
export function stillRunning(family: readonly Seen[], all = allProcesses()): Seen[] {
  return all.filter((one) =>
    family.some(({ pid, started }) => pid === one.pid && started === one.started),
  );
}

/** The monitor, keeper and process 1 of sessions below a state directory, by their names. */
export function namedAfter(sessions: readonly string[], all = allProcesses()): Seen[] {
  const ids = sessions.map((name) => name.replace(/\.session$/, ''));
  return all.filter(({ command }) => ids.some((id) => command.includes(id)));
}

/** Mounts that this process sees below a directory. */
export function mountsBelow(directory: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
  return lines.filter((line) => line.split(' ')[4]?.startsWith(directory));
}

/** The number of descriptors that a process holds. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Resident memory of a process in KiB. */
export function residentOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
}

/** Asks until there is nothing left; what there was when the time (ms) was up. */
export async function untilNone<T>(ask: () => T[], limit: number): Promise<T[]> {
  const end = performance.now() + limit;
  for (;;) {
    const found = ask();
    if (found.length === 0 || performance.now() >= end) return found;
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}
