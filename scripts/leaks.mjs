// What the tests may leave behind on the machine, before and after: mounts, processes, directories,
// control groups, containers. Only what bears our name, or came with a namespace of its own, counts.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Milliseconds that the kernel and a monitor may need to take the last testbed away. */
const GRACE = 3000;

/** @param state the directory below which the tests' servers keep their records */
export function takeSnapshot(state) {
  return new Set([
    ...mounts(),
    ...processes(),
    ...directories(state),
    ...controlGroups(),
    ...containers(),
  ]);
}

/** What is there now and was not there before; waits a moment for it to go. */
export async function findLeaks(before, state) {
  for (let waited = 0; ; waited += 100) {
    const leaks = [...takeSnapshot(state)].filter((item) => !before.has(item));
    if (leaks.length === 0 || waited >= GRACE) return leaks;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function mounts() {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n');
  return lines.map((line) => `mount: ${line.split(' ').slice(3, 5).join(' ')}`);
}

/**
 * All that descends from the subreaper (subreaper.pl) apart from this process: what is left of the
 * tests. Without one, what is ours by its name, or lives in namespaces that we do not live in.
 */
function processes() {
  const reaper = Number(process.env.REGIME_TEST_REAPER);
  const all = readProcesses();
  const own = namespace('self');
  const isOurs = reaper
    ? (entry) => descends(entry, reaper, all)
    : ({ pid, command }) => /regime|dist\/main\.js/.test(command) || namespace(pid) !== own;
  return [...all.values()]
    .filter((entry) => entry.pid !== process.pid && isOurs(entry))
    .map(({ pid, command, start }) => `process: ${pid} (start ${start}): ${command.slice(0, 200)}`);
}

function readProcesses() {
  const all = new Map();
  for (const pid of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const [state, parent, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
      // A kernel thread, or a dead one that its parent has not fetched: it holds nothing.
      if (!command || state === 'Z') continue;
      all.set(pid, { pid, parent: Number(parent), command, start: fields[17] });
    } catch {
      // It ended while we looked.
    }
  }
  return all;
}

function descends(entry, ancestor, all) {
  for (let at = entry; at; at = all.get(at.parent)) if (at.parent === ancestor) return true;
  return false;
}

function namespace(pid) {
  try {
    return ['mnt', 'pid'].map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`)).join();
  } catch {
    return undefined; // It ended, or is another user's.
  }
}

function directories(state) {
  const places = [tmpdir(), '/tmp', '/var/tmp', '/run', '/dev/shm', '/run/lock'];
  const named = [...new Set(places)].flatMap((place) =>
    list(place)
      .filter((name) => name.startsWith('regime-'))
      .map((name) => join(place, name)),
  );
  const sessions = join(state, 'regime/sessions');
  return [
    ...named,
    ...list(sessions)
      .filter((name) => name !== 'last-session')
      .map((name) => join(sessions, name)),
  ].map((p) => `file: ${p}`);
}

function controlGroups() {
  const { stdout } = spawnSync('find', ['/sys/fs/cgroup', '-maxdepth', '5', '-name', '*regime*']);
  return lines(stdout).map((path) => `control group: ${path}`);
}

/** Only where an engine runs: asking a client that has none costs seconds. */
function containers() {
  if (!existsSync('/var/run/docker.sock')) return [];
  const query = ['ps', '-aq', '--no-trunc', '--filter', 'label=regime.session'];
  return lines(spawnSync('docker', query, { timeout: 10_000 }).stdout).map(
    (id) => `container: ${id}`,
  );
}

function list(directory) {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function lines(output) {
  return (output ?? '').toString().split('\n').filter(Boolean);
}
