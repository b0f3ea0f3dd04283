// `npm run demo`: a testbed of this machine, wrecked and whole again. As root the machine itself is
// the testbed's lower layer (`chroot /`), as a plain user a small tree of the machine's own programs.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startCaller } from './demo-caller.mjs';
import { areGone, findLeft } from './demo-left.mjs';
import { makeTree } from './demo-tree.mjs';
import { DIST, ROOT, ensureBuilt } from './set-up.mjs';

/** The job: the checksum of every file that was copied down, in a file beside them. */
const JOB = 'cd "$1" && find src -type f | LC_ALL=C sort | xargs sha256sum > result.txt';

ensureBuilt();
const directory = mkdtempSync(join(tmpdir(), 'regime-demo-'));
/** How the proof at the end finds what is ours. */
const traces = {
  mark: `REGIME_DEMO=${directory}`,
  /** Those of the testbed that there is now, and of those that did not go. */
  namespaces: [],
  stayed: [],
  state: join(directory, 'state'),
};
try {
  const equal = await demonstrate();
  const clean = await showNothingLeft();
  process.exitCode = equal && clean ? 0 : 1;
} catch (cause) {
  console.log(`\nThis went wrong: ${cause.message}`);
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function demonstrate() {
  const root = process.getuid() === 0;
  const words = ['chroot', root ? '/' : makeTree(join(directory, 'tree'))];
  const what = root ? 'this machine itself' : "a small tree of this machine's programs";
  console.log(`regime ${root ? 'chroot /' : 'chroot TREE'}: a testbed made of ${what}\n`);
  const caller = start(words);
  try {
    await caller.ready();
    await step('open', () => caller.command('open'));
  } catch (cause) {
    console.log(`\n\nA testbed of its own is not possible here:\n  ${cause.message}`);
    console.log('\nSo this is regime null, where the testbed is the host and nothing reverts:\n');
    return showNull();
  }
  await wreckAndRevert(caller);
  const equal = await finish(caller);
  await crash(words);
  return equal;
}

/** A server with a state directory of its own and the mark in its environment. */
function start(words) {
  return startCaller(words, { XDG_STATE_HOME: traces.state, REGIME_DEMO: directory });
}

async function showNull() {
  const caller = start(['null']);
  await caller.ready();
  await step('open', () => caller.command('open'));
  await job(caller);
  return finish(caller);
}

async function wreckAndRevert(caller) {
  await noteNamespaces(caller);
  await job(caller);
  await step('rm -rf /etc /usr/bin, in the testbed', async () => {
    await caller.run('rm -rf /etc /usr/bin');
    const { status } = await caller.run('ls /etc');
    return `"ls /etc" now ends with exit status ${status}`;
  });
  await step('revert', () => caller.command('revert'));
  await noteEnd();
  await step('look at it', async () => {
    const { status, output } = await caller.run('ls /usr/bin | wc -l; ls /etc | wc -l');
    if (status !== 0) throw new Error(`the testbed is not whole: ${output}`);
    const [programs, etc] = output.split('\n').map((text) => text.trim());
    return `whole again: ${programs} programs in /usr/bin, ${etc} entries in /etc`;
  });
  await noteNamespaces(caller);
  await job(caller);
}

/** A server that is killed takes its testbed along: the kernel sees to that. */
async function crash(words) {
  console.log('');
  const caller = start(words);
  await caller.ready();
  await step('open another, with a daemon in it', async () => {
    await caller.command('open');
    await noteNamespaces(caller);
    await caller.run('setsid sleep 1000 >/dev/null 2>&1 &');
  });
  await step('kill -9 the server', async () => {
    caller.kill();
    return (await noteEnd()) ? 'the daemon has gone with it' : 'the daemon is STILL THERE';
  });
  await step('regime reap', () => {
    const env = { ...process.env, XDG_STATE_HOME: traces.state };
    const reap = spawnSync(process.execPath, [join(DIST, 'main.js'), 'reap'], { env });
    return reap.stdout.toString().split(':')[0];
  });
}

/** Each process of a testbed lives in these; a revert makes new ones. */
async function noteNamespaces(caller) {
  const { output } = await caller.run('readlink /proc/self/ns/mnt /proc/self/ns/pid');
  traces.namespaces = output.trim().split('\n');
}

/** Looks at once whether a testbed has gone: later the kernel gives its numbers to somebody else's. */
async function noteEnd() {
  const gone = await areGone(traces.namespaces);
  if (!gone) traces.stayed.push(...traces.namespaces);
  traces.namespaces = [];
  return gone;
}

/** Copies the project's sources down and hashes them there. */
async function job(caller) {
  const source = `${join(ROOT, 'src')}/`;
  await step('copy src/ down', async () => {
    await caller.command('copydown', source, `${caller.scratch}/src/`);
    return `${countFiles()} files`;
  });
  await step('run the job there', async () => {
    const { status, output } = await caller.run(JOB, caller.scratch);
    return status === 0 ? 'sha256sum of each' : `exit status ${status}: ${output}`;
  });
}

/** Copies the result up, compares it with what this machine says, and closes. */
async function finish(caller) {
  const result = join(directory, 'result.txt');
  let equal = false;
  await step('copy the result up', async () => {
    await caller.command('copyup', `${caller.scratch}/result.txt`, result);
    equal = readFileSync(result, 'utf8') === expectedResult();
    return equal ? 'the same as on this machine' : 'NOT the same as on this machine';
  });
  await step('close', () => caller.command('close'));
  await step('quit', () => caller.quit());
  await noteEnd();
  return equal;
}

async function showNothingLeft() {
  const left = await findLeft(traces);
  console.log(
    left.length === 0
      ? '\nNothing is left of it: no mount, no process, no session directory.'
      : `\nLeft behind:\n${left.map((item) => `  ${item}`).join('\n')}`,
  );
  return left.length === 0;
}

/** Does it and shows how long it took, and what there is to say. */
async function step(label, work) {
  process.stdout.write(`  ${label.padEnd(38)}`);
  const started = performance.now();
  const remark = (await work()) ?? '';
  const milliseconds = (performance.now() - started).toFixed(0);
  console.log(`${milliseconds.padStart(6)} ms   ${remark}`.trimEnd());
}

function sourceFiles() {
  const entries = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((e) => join(e.parentPath ?? e.path, e.name));
}

function countFiles() {
  return sourceFiles().length;
}

function expectedResult() {
  const names = sourceFiles().map((path) => path.slice(ROOT.length + 1));
  const line = (name) => {
    const hash = createHash('sha256').update(readFileSync(join(ROOT, name)));
    return `${hash.digest('hex')}  ${name}\n`;
  };
  return names.sort().map(line).join('');
}
