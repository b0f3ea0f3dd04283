// What a demonstration left on the machine. Other servers may run at the same time: only what bears
// this one's mark counts, or lives in its testbed's namespaces.
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** Milliseconds that the kernel may need to end the last process. */
const GRACE = 1000;

/**
 * @param mark an environment variable that the server was started with, `NAME=VALUE`
 * @param stayed the namespaces of testbeds that did not go, as `pid:[4026531836]`
 * @param state the state directory of the server
 */
export async function findLeft({ mark, stayed, state }) {
  for (let waited = 0; ; waited += 50) {
    const left = [...mounts(state), ...processes(mark, stayed), ...sessions(state)];
    if (left.length === 0 || waited >= GRACE) return left;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until nothing runs in some namespaces any more; resolves with false where something stays. */
export async function areGone(namespaces) {
  const some = () =>
    readdirSync('/proc').some((pid) => /^\d/.test(pid) && isInside(pid, namespaces));
  const limit = performance.now() + GRACE;
  while (some()) {
    if (performance.now() > limit) return false;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return true;
}

function mounts(state) {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.filter((line) => line.includes(state)).map((line) => `mount: ${line}`);
}

function processes(mark, namespaces) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => isMarked(pid, mark) || isInside(pid, namespaces))
    .map((pid) => `process: ${pid} ${readOrNothing(`/proc/${pid}/comm`).trim()}`);
}

function isMarked(pid, mark) {
  return readOrNothing(`/proc/${pid}/environ`).split('\0').includes(mark);
}

function isInside(pid, namespaces) {
  try {
    return ['mnt', 'pid'].some((kind) =>
      namespaces.includes(readlinkSync(`/proc/${pid}/ns/${kind}`)),
    );
  } catch {
    return false; // It has ended, or is somebody else's.
  }
}

function sessions(state) {
  try {
    const found = readdirSync(`${state}/regime/sessions`).filter((name) => name !== 'last-session');
    return found.map((name) => `session directory: ${name}`);
  } catch {
    return [];
  }
}

function readOrNothing(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
