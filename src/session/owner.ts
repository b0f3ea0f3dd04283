import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** The server that a session belongs to. */
export interface Owner {
  pid: number;
  /** Clock ticks between boot and the start of the process: tells it from a later one of its pid. */
  started: number;
  /** The kernel's id of the boot in which the process ran. */
  boot: string;
  /** The machine: on a shared home only the machine that made a session may reap it. */
  machine: string;
}

/** This process as an owner. */
export function thisOwner(): Owner {
  const started = startOf('self')?.started ?? 0;
  return { pid: process.pid, started, boot: bootId(), machine: machineId() };
}

/**
 * True where the owner certainly runs, on this boot of this machine: a process of its pid that
 * started in the same tick. False says nothing (it may run where its pid can't be seen): then the
 * kernel lock decides. It spares the reaper a child process for each living session.
 */
export function ownerRuns(owner: Owner): boolean {
  if (owner.machine !== machineId() || owner.boot !== bootId()) return false;
  const process = startOf(String(owner.pid));
  // A zombie has closed its descriptors, and its locks with them.
  return process !== undefined && process.started === owner.started && !/[ZX]/.test(process.state);
}

/**
 * The name of this machine: its machine-id, which outlives a change of host name and a reboot, or
 * where there is none (containers, live systems) the host name.
 */
export function machineId(): string {
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    const id = readText(path);
    if (id && /^[0-9a-f]{32}$/.test(id)) return id;
  }
  return hostname();
}

function bootId(): string {
  return readText('/proc/sys/kernel/random/boot_id') ?? '';
}

/** proc(5): the state is field 3 of stat, the start time field 22. */
function startOf(pid: string): { state: string; started: number } | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  // The name in field 2 may hold spaces and parentheses: count from its end.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, started] = [fields?.[0], fields?.[19]];
  return state && started ? { state, started: Number(started) } : undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return undefined;
  }
}
