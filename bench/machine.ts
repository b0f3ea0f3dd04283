import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, userInfo } from 'node:os';
import { spawnSync } from 'node:child_process';

/** What the figures depend on, a line each. */
export function describeMachine(): string {
  const facts = [
    ['kernel', release()],
    ['processors', `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`],
    ['memory', `${(totalmem() / 2 ** 30).toFixed(0)} GiB`],
    ['load average', describeLoad()],
    ['node', process.version],
    ['autopkgtest', versionOf('autopkgtest')],
    ['user', userInfo().username],
  ];
  return facts.map(([name, value]) => `${name?.padEnd(14) ?? ''}${value ?? ''}\n`).join('');
}

/** A load near the number of processors, or above it, makes all figures worse than they are. */
export function describeLoad(): string {
  const load = loadavg();
  const busy = (load[0] ?? 0) > cpus().length / 2 ? ' (busy: figures are worse than they are)' : '';
  return `${load.map((value) => value.toFixed(2)).join(' ')}${busy}`;
}

function versionOf(name: string): string {
  const { status, stdout } = spawnSync('dpkg-query', ['-W', '-f', '${Version}', name]);
  return status === 0 ? stdout.toString() : 'not installed';
}

/** The resident memory of a process, in MiB (VmRSS, proc(5)). */
export function residentMemory(pid: number): number {
  const kibibytes = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) / 1024;
}
