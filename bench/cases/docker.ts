import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import type { Case, Measure, Pair } from '../case.ts';
import { debianImage, harnessImage } from '../docker.ts';
import { openSession, type Session } from '../session.ts';
import { manyFiles } from '../sources.ts';
import { timeUntilEnd } from '../stopwatch.ts';
import { run, type Workshop } from '../workshop.ts';
import { openBoth, timeCopies, timeOpens, type BothArgv, type BothOpen } from './both.ts';

/** Milliseconds in which the next container is made ready. */
const SETTLE = 2000;

const FILES = 2000;

const AGAINST = 'virt-docker';
const common = { against: AGAINST, unit: 'ms', rounds: 3 } as const;

/** Both servers on one image, each as its users have it. */
function bothArgv(workshop: Workshop): BothArgv {
  const image = debianImage(workshop);
  return { ours: workshop.ours('docker', image), theirs: workshop.theirs('docker', image) };
}

function bothOpen(workshop: Workshop): Promise<BothOpen> {
  return openBoth(workshop, bothArgv(workshop));
}

function copyCase(command: 'copydown' | 'copyup'): Case {
  return {
    ...common,
    name: `docker ${command}, 2,000 files of 2 KiB`,
    target: { kind: 'faster', times: 2 },
    async prepare(workshop) {
      const source = manyFiles(workshop, FILES);
      return timeCopies(workshop, command, source, await bothOpen(workshop));
    },
  };
}

/** A server of its own each time, as quit ends it: until its process is gone. */
function closeAndQuit(workshop: Workshop, argv: readonly string[]): Measure {
  return async () => {
    const { client, time } = await openSession(workshop, argv);
    await sleep(SETTLE);
    const close = await time('close');
    const quit = process.hrtime.bigint();
    client.send('quit\n');
    await client.ended();
    return close + Number(process.hrtime.bigint() - quit) / 1e6;
  };
}

/** Runs the harness on the package beside this; what it asks of the server is timed. */
function harnessRun(workshop: Workshop, argv: readonly string[]): () => HarnessTimes {
  const directory = join(workshop.directory, `harness-${argv.length}`);
  const source = fileURLToPath(new URL('../breaks', import.meta.url));
  const clock = fileURLToPath(new URL('../protocol-clock.pl', import.meta.url));
  return () => {
    rmSync(directory, { recursive: true, force: true });
    cpSync(source, join(directory, 'breaks'), { recursive: true });
    const log = join(directory, 'times');
    const wrapper = join(directory, 'server');
    writeFileSync(wrapper, `#!/bin/sh\nexec perl '${clock}' '${log}' "$@"\n`, { mode: 0o755 });
    const harness = ['autopkgtest', '--no-built-binaries', join(directory, 'breaks')];
    const whole = timeUntilEnd([...harness, '--', wrapper, ...argv], { env: workshop.env });
    const lines = readFileSync(log, 'utf8').trim().split('\n');
    const times = lines
      .map((line) => line.split(' '))
      .filter(([word]) => GIVES_BACK.test(word ?? ''));
    return { whole, givenBack: times.reduce((sum, [, ms]) => sum + Number(ms), 0) };
  };
}

/** In milliseconds. */
interface HarnessTimes {
  whole: number;
  /** All reverts, closes and the quit together. */
  givenBack: number;
}

const GIVES_BACK = /^(revert|close|quit)$/;

function harnessPair(workshop: Workshop, what: keyof HarnessTimes): Pair {
  const image = harnessImage(workshop);
  const [ours, theirs] = workshop.shared('harness runs', () => {
    const runs = [workshop.ours('docker', image), workshop.theirs('docker', image)];
    // Each takes a while: both rows are of the same runs.
    return runs.map((argv) => {
      const times = harnessRun(workshop, argv);
      const made: HarnessTimes[] = [];
      return (round: number) => (made[round] ??= times());
    });
  });
  return {
    ours: (round) => ours?.(round)[what] ?? NaN,
    theirs: (round) => theirs?.(round)[what] ?? NaN,
  };
}

export const dockerCases: readonly Case[] = [
  {
    ...common,
    name: 'docker open, image local',
    target: { kind: 'at-most', times: 1 },
    prepare: (workshop) => timeOpens(workshop, bothArgv(workshop)),
  },
  {
    ...common,
    name: 'docker revert, one standing by',
    target: { kind: 'faster', times: 100 },
    async prepare(workshop) {
      const { ours, theirs } = await bothOpen(workshop);
      const settled = (session: Session) => async () => {
        await session.run('rm -rf /usr/share');
        await sleep(SETTLE);
        return session.time('revert');
      };
      return { ours: settled(ours), theirs: settled(theirs) };
    },
  },
  {
    ...common,
    name: 'docker revert, at once after another',
    target: { kind: 'faster', times: 20 },
    async prepare(workshop) {
      const { ours, theirs } = await bothOpen(workshop);
      return {
        async ours() {
          await ours.time('revert');
          return ours.time('revert');
        },
        theirs: () => theirs.time('revert'),
      };
    },
  },
  {
    ...common,
    name: 'docker close and quit',
    target: { kind: 'faster', times: 30 },
    prepare(workshop) {
      const { ours, theirs } = bothArgv(workshop);
      return { ours: closeAndQuit(workshop, ours), theirs: closeAndQuit(workshop, theirs) };
    },
  },
  {
    ...common,
    name: 'auxverb true, docker',
    against: 'docker exec true',
    rounds: 30,
    target: { kind: 'at-most', times: 1.15 },
    async prepare(workshop) {
      const auxverb = await (await openSession(workshop, bothArgv(workshop).ours)).auxverb();
      const { env } = workshop;
      const idle = ['docker', 'run', '--detach', debianImage(workshop), 'sleep', 'infinity'];
      const id = run(idle, env).trim();
      workshop.afterCase(() => void run(['docker', 'rm', '--force', id], env));
      return {
        ours: () => timeUntilEnd([...auxverb, 'true'], { env }),
        theirs: () => timeUntilEnd(['docker', 'exec', id, 'true'], { env }),
      };
    },
  },
  {
    ...common,
    name: 'auxverb true, docker',
    rounds: 10,
    target: { kind: 'faster', times: 1 },
    async prepare(workshop) {
      const { env } = workshop;
      const both = await bothOpen(workshop);
      const [ours, theirs] = [await both.ours.auxverb(), await both.theirs.auxverb()];
      return {
        ours: () => timeUntilEnd([...ours, 'true'], { env }),
        theirs: () => timeUntilEnd([...theirs, 'true'], { env }),
      };
    },
  },
  copyCase('copydown'),
  copyCase('copyup'),
  {
    ...common,
    name: 'docker, reverts and closes of a harness run',
    rounds: 1,
    target: { kind: 'below', value: 3000 },
    prepare: (workshop) => harnessPair(workshop, 'givenBack'),
  },
  {
    ...common,
    name: 'docker, the whole of that run',
    rounds: 1,
    target: { kind: 'none' },
    prepare: (workshop) => harnessPair(workshop, 'whole'),
  },
];
