import { expect } from 'chai';
import { on } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';

import { copyDown, copyUp, settleReplacement, type Replacement } from '../../../src/place/copy.ts';
import { innerDirectories } from '../../../src/place/copy/inner-directories.ts';
import { CopyFailed, TimedOut } from '../../../src/errors.ts';
import { tempDir } from '../../support/tempdir.ts';
import { copyOptions, envPlace, placeWithTar, rejection, WAYS } from './support/places.ts';
import { differences, walkTree } from './support/tree-walk.ts';

/** A tar that does its work and then hangs, so that a copy can be caught half-way. */
const HANGING = `real "$@"
echo $$ >"$0.pid.new"; mv "$0.pid.new" "$0.pid"
exec sleep 1000`;

/** A tar that sends only a part of its archive and hangs. */
const HALTING = `{ real "$@" | head -c 3000
echo $$ >"$0.pid.new"; mv "$0.pid.new" "$0.pid"
exec sleep 1000; }`;

interface Scene {
  root: string;
  destination: string;
  before: ReturnType<typeof walkTree>;
}

function makeScene(): Scene {
  const root = tempDir();
  mkdirSync(`${root}/source/sub`, { recursive: true });
  for (let file = 0; file < 20; file++) writeFileSync(`${root}/source/sub/${file}`, `new ${file}`);
  mkdirSync(`${root}/out/old`, { recursive: true });
  writeFileSync(`${root}/out/old/kept`, 'kept');
  return { root, destination: `${root}/out/old/`, before: walkTree(`${root}/out/old`) };
}

/** The process id that the tar writes when it hangs; undefined until it does. */
function pidOf(root: string, program = 'tar'): number | undefined {
  const file = `${root}/bin/${program}.pid`;
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined;
}

/** Resolves with that process id. */
async function hung(root: string, program = 'tar'): Promise<number> {
  for await (const _ of events(`${root}/bin`)) {
    const pid = pidOf(root, program);
    if (pid !== undefined) return pid;
  }
  throw new Error('never');
}

/** One look at once and one after each event. */
async function* events(directory: string): AsyncGenerator<void> {
  const watcher = watch(directory);
  try {
    const changes = on(watcher, 'change');
    yield;
    for await (const _ of changes) yield;
  } finally {
    watcher.close();
  }
}

function isAlive(pid: number): boolean {
  try {
    // A zombie that process 1 has not taken yet is dead.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

for (const [how, way] of WAYS) {
  describe(`A copy that replaces and is stopped half-way, ${how}`, () => {
    for (const direction of ['down', 'up'] as const) {
      const script = direction === 'down' ? HANGING : HALTING;
      const start = (scene: Scene, options: ReturnType<typeof copyOptions>) => {
        const place = { ...placeWithTar(scene.root, script), ...way };
        const source = `${scene.root}/source/`;
        const common = { kind: 'directory', existing: 'replace' } as const;
        return direction === 'down'
          ? copyDown(place, { host: source, testbed: scene.destination, ...common }, options)
          : copyUp(place, { host: scene.destination, testbed: source, ...common }, options);
      };
      const expectWhole = (scene: Scene) => {
        expect(differences(walkTree(`${scene.root}/out/old`), scene.before)).to.deep.equal([]);
        expect(walkTree(`${scene.root}/out`).map(({ path }) => path)).to.deep.equal([
          '',
          'old',
          'old/kept',
        ]);
      };

      it(`by its caller leaves the old tree and nothing beside it (${direction})`, async () => {
        const scene = makeScene();
        const controller = new AbortController();
        const copy = rejection(start(scene, copyOptions({ signal: controller.signal })));
        const pid = await hung(scene.root);
        controller.abort(new Error('stopped'));
        expect((await copy).message).to.equal('stopped');
        expect(isAlive(pid)).to.equal(false);
        expectWhole(scene);
      });

      it(`by its time limit rejects with TimedOut when both ends have stopped (${direction})`, async () => {
        // On a busy machine the time may be up before the tar has come to hang: then with more of it.
        let pid: number | undefined;
        for (let timeLimit = 600; pid === undefined; timeLimit *= 2) {
          const scene = makeScene();
          const failure = await rejection(start(scene, copyOptions({ timeLimit })));
          expect(failure).to.be.instanceOf(TimedOut);
          expectWhole(scene);
          pid = pidOf(scene.root);
        }
        expect(isAlive(pid)).to.equal(false);
      });

      it(`by SIGKILL of the testbed's end is copy-failed (${direction})`, async () => {
        const scene = makeScene();
        const copy = rejection(start(scene, copyOptions()));
        process.kill(await hung(scene.root), 'SIGKILL');
        expect(await copy).to.be.instanceOf(CopyFailed);
        expectWhole(scene);
      });

      it(`tells the journal before and after (${direction})`, async () => {
        const scene = makeScene();
        const told: string[] = [];
        const journal = {
          planned: async ({ fresh, aside, destination, on }: Replacement) => {
            expect([existsSync(fresh), existsSync(aside)]).to.deep.equal([false, false]);
            told.push(`planned ${on} ${destination}`);
          },
          done: async () => void told.push('done'),
        };
        const copy = rejection(start(scene, copyOptions({ journal })));
        process.kill(await hung(scene.root), 'SIGKILL');
        await copy;
        const on = direction === 'down' ? 'testbed' : 'host';
        expect(told).to.deep.equal([`planned ${on} ${scene.root}/out/old`, 'done']);
      });
    }
  });

  describe(`A directory that is made on a testbed which goes with its server, ${how}`, () => {
    /** Copies down to where nothing is yet. */
    const start = (
      root: string,
      tar: string,
      more: Partial<Parameters<typeof copyDown>[2]> = {},
    ) => {
      const request = { host: `${root}/source/`, testbed: `${root}/out/new/` } as const;
      const journal = {
        planned: () => Promise.reject(new Error('nothing is to be undone there')),
        done: () => Promise.reject(new Error('nothing was planned')),
      };
      return copyDown(
        { ...placeWithTar(root, tar), ...way },
        { ...request, kind: 'directory', existing: 'replace' },
        copyOptions({ disposable: true, journal, ...more }),
      );
    };
    const left = (root: string) =>
      walkTree(`${root}/out`)
        .map(({ path }) => path)
        .filter((path) => !path.includes('/'));

    it('is whole, with nothing beside it, and is replaced by the next', async () => {
      const { root } = makeScene();
      await start(root, 'real "$@"');
      expect(differences(walkTree(`${root}/out/new`), walkTree(`${root}/source`))).to.deep.equal(
        [],
      );
      writeFileSync(`${root}/out/new/more`, '');
      rmSync(`${root}/bin`, { recursive: true });
      await start(root, 'real "$@"');
      expect(existsSync(`${root}/out/new/more`)).to.equal(false);
      expect(left(root)).to.have.members(['', 'new', 'old']);
    });

    it('is taken away where it is stopped half-way', async () => {
      const { root } = makeScene();
      const controller = new AbortController();
      const copy = rejection(start(root, HANGING, { signal: controller.signal }));
      await hung(root);
      expect(left(root)).to.include('new');
      controller.abort(new Error('stopped'));
      expect((await copy).message).to.equal('stopped');
      expect(left(root)).to.have.members(['', 'old']);
    });

    it('is taken away where its source failed', async () => {
      const { root } = makeScene();
      const path = process.env['PATH'] ?? '/usr/bin:/bin';
      mkdirSync(`${root}/host`);
      const tar = `#!/bin/sh\nPATH='${path}' tar "$@"\necho 'tar: broken' >&2\nexit 2\n`;
      writeFileSync(`${root}/host/tar`, tar, { mode: 0o755 });
      // The testbed's PATH is already settled: only the host's end meets this one.
      const copy = rejection(start(root, 'real "$@"'));
      process.env['PATH'] = `${root}/host:${path}`;
      try {
        const error = await copy;
        expect(error).to.be.instanceOf(CopyFailed);
        expect(error.message).to.match(/the host: exit status 2: .*broken/);
      } finally {
        process.env['PATH'] = path;
      }
      expect(left(root)).to.have.members(['', 'old']);
    });
  });

  describe(`A file copy that is stopped half-way, ${how}`, () => {
    /** A testbed whose cat passes ten bytes and hangs. */
    const hangingCat = (root: string) => {
      mkdirSync(`${root}/bin`);
      const path = process.env['PATH'] ?? '/usr/bin:/bin';
      const script = `#!/bin/sh\nhead -c 10\necho $$ >"$0.pid.new"; mv "$0.pid.new" "$0.pid"\nexec sleep 1000\n`;
      writeFileSync(`${root}/bin/cat`, script, { mode: 0o755 });
      return { ...envPlace(`PATH=${root}/bin:${path}`), ...way };
    };
    for (const direction of ['down', 'up'] as const) {
      for (const existing of direction === 'up' ? ['new', 'old'] : ['new']) {
        it(`leaves no half file (${direction}, ${existing})`, async () => {
          const root = tempDir();
          writeFileSync(`${root}/a`, 'x'.repeat(1000));
          if (existing === 'old') writeFileSync(`${root}/b`, 'old');
          const before = walkTree(root).map(({ path, content }) => path + content);
          const controller = new AbortController();
          const place = hangingCat(root);
          const options = copyOptions({ signal: controller.signal });
          const common = { kind: 'file', existing: 'merge' } as const;
          const copy =
            direction === 'down'
              ? copyDown(place, { host: `${root}/a`, testbed: `${root}/b`, ...common }, options)
              : copyUp(place, { host: `${root}/b`, testbed: `${root}/a`, ...common }, options);
          const ended = rejection(copy);
          const pid = await hung(root, 'cat');
          controller.abort(new Error('stopped'));
          expect((await ended).message).to.equal('stopped');
          expect(isAlive(pid)).to.equal(false);
          const after = walkTree(root).map(({ path, content }) => path + content);
          expect(after.filter((line) => !line.startsWith('bin'))).to.deep.equal(before);
        });
      }
    }
  });
}

describe('settleReplacement', () => {
  for (const on of ['host', 'testbed'] as const) {
    /** The names of a replacement that got so far. */
    const makeState = (parts: string[]) => {
      const root = tempDir();
      for (const part of parts) {
        mkdirSync(`${root}/${part}`);
        writeFileSync(`${root}/${part}/${part === 'fresh' ? 'new' : 'old'}`, '');
      }
      const replacement = {
        on,
        destination: `${root}/destination`,
        fresh: `${root}/fresh`,
        aside: `${root}/aside`,
      };
      return { root, replacement };
    };
    const names = (root: string) => walkTree(root).map(({ path }) => path);

    it(`removes a new tree that had not taken its place (${on})`, async () => {
      const { root, replacement } = makeState(['destination', 'fresh']);
      for (let time = 0; time < 2; time++) {
        await settleReplacement(replacement, envPlace());
        expect(names(root)).to.deep.equal(['', 'destination', 'destination/old']);
      }
    });

    it(`puts an old tree back that was only moved aside (${on})`, async () => {
      const { root, replacement } = makeState(['aside', 'fresh']);
      for (let time = 0; time < 2; time++) {
        await settleReplacement(replacement, envPlace());
        expect(names(root)).to.deep.equal(['', 'destination', 'destination/old']);
      }
    });

    it(`keeps a new tree that is in its place (${on})`, async () => {
      const { root, replacement } = makeState(['aside', 'fresh']);
      renameSync(`${root}/fresh`, `${root}/destination`);
      for (let time = 0; time < 2; time++) {
        await settleReplacement(replacement, envPlace());
        expect(names(root)).to.deep.equal(['', 'destination', 'destination/new']);
      }
    });

    it(`finds nothing to do where nothing was made (${on})`, async () => {
      const { root, replacement } = makeState([]);
      await settleReplacement(replacement, envPlace());
      expect(names(root)).to.deep.equal(['']);
    });
  }
});

describe('The walk through a source that is merged', () => {
  it('ends with its copy, however large the source is', async () => {
    const { root } = makeScene();
    const controller = new AbortController();
    const walk = rejection(innerDirectories(root, controller.signal));
    controller.abort(new Error('stopped'));
    expect((await walk).message).to.equal('stopped');
  });
});
