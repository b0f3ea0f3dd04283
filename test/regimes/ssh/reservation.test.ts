import { spawnSync } from 'node:child_process';
import { accessSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';

import { expect } from 'chai';

import { reserve, type Reservation } from '../../../regimes/ssh/reservation.ts';
import { localPlace } from '../../../src/place/local.ts';
import type { Place, Running } from '../../../src/place/place.ts';
import { cleanUpAfterTest } from '../../support/clean-up.ts';
import { skip } from '../../support/skip.ts';
import { tempDir } from '../../support/tempdir.ts';

/** This host stands in for the machine; in a mount namespace of its own its locks are, too. */
describe('the reservation of a machine', () => {
  let machine: Place;
  let warnings: string[];
  let spawned: Running[];
  const reserving = (
    how: 'alone' | 'shared' = 'alone',
    options: { signal?: AbortSignal; wait?: number; onWarn?: () => void; place?: Place } = {},
  ) => {
    const { signal = new AbortController().signal, onWarn, place = machine, ...rest } = options;
    const warn = (line: string) => {
      warnings.push(line);
      onWarn?.();
    };
    const reservation = reserve(place, how, { signal, log: { warn, debug: () => {} }, ...rest });
    cleanUpAfterTest(() => reservation.then((held) => held.release()).catch(() => {}));
    return reservation;
  };
  /** A reservation that has to wait, as soon as it has said so. */
  const waitingFor = async (how?: 'alone' | 'shared') => {
    let reservation: Promise<Reservation> | undefined;
    await new Promise<void>((resolve) => {
      reservation = reserving(how, { onWarn: resolve });
    });
    if (!reservation) throw new Error('it was not asked for');
    return { reservation };
  };

  before(function () {
    if (process.getuid?.() !== 0) skip(this, 'it makes a mount namespace');
  });

  /** What `argv` becomes on the machine: its /run/lock is a directory of ours. */
  function machineWith(lock: string, path = process.env['PATH'] ?? ''): Place {
    return {
      ...localPlace,
      label: 'root@box',
      spawn(argv, options) {
        const enter = [
          'unshare',
          '-m',
          'sh',
          '-c',
          'mount --bind "$0" /run/lock; PATH=$1; shift; exec "$@"',
        ];
        const running = localPlace.spawn([...enter, lock, path, ...argv], options);
        spawned.push(running);
        return running;
      },
    };
  }

  let locks: string;
  beforeEach(() => {
    warnings = [];
    spawned = [];
    locks = `${tempDir()}/lock`;
    mkdirSync(locks);
    spawnSync('chmod', ['1777', locks]);
    machine = machineWith(locks);
  });

  it('is had by one at a time; who waits is told for whom, and gets it when it is free', async () => {
    const first = await reserving();
    const { reservation } = await waitingFor();
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(
      /^waiting for root@box, which is used by \w+@\S+ \(process \d+\), since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/,
    );
    await first.release();
    await (await reservation).release();
    expect(readdirSync(locks)).to.deep.equal(['regime-testbed.lock']);
  });

  it('can be shared by many, but not with who wants it alone', async () => {
    const first = await reserving('shared');
    const second = await reserving('shared');
    expect(warnings).to.deep.equal([]);
    const { reservation } = await waitingFor('alone');
    expect(warnings[0]).to.match(/, since .*; .*, since /);
    await Promise.all([first.release(), second.release()]);
    await reservation;
  });

  it('is free when its holder is killed', async () => {
    await reserving();
    spawned[0]?.kill('SIGKILL');
    // What is killed holds the lock until it has had the time to die.
    await spawned[0]?.ended;
    await reserving();
    expect(warnings).to.deep.equal([]);
  });

  it('is free when its holder gives no sign of life', async function () {
    this.timeout(120_000);
    // As with a connection that is lost without a word: the streams stay open.
    const quiet: Place = {
      ...machine,
      spawn(argv, options) {
        const short = argv.map((word) => word.replace('silence=45', 'silence=1'));
        return machine.spawn(short, options);
      },
    };
    await reserving('alone', { place: quiet });
    await reserving();
  });

  it('is not waited for where its holder is stopped', async function () {
    this.timeout(60_000);
    const held = await reserving();
    spawned[0]?.kill('SIGSTOP');
    await held.release();
    spawned[0]?.kill('SIGKILL');
  });

  it('is given up with the step, and when the user has no more patience', async () => {
    await reserving();
    const stop = new AbortController();
    const given = reserving('alone', {
      signal: stop.signal,
      onWarn: () => stop.abort(new Error('enough')),
    });
    expect(
      await given.then(
        () => '',
        (cause: Error) => cause.message,
      ),
    ).to.equal('enough');
    const impatient = await reserving('alone', { wait: 0 }).then(
      () => '',
      (cause: Error) => cause.message,
    );
    expect(impatient).to.match(
      /^root@box is used by .* \(wait longer with --wait, or end the other\)$/,
    );
    await Promise.all(spawned.slice(1).map((running) => running.ended));
  });

  it('is locked by perl where there is no flock', async () => {
    const bin = tempDir();
    for (const name of ['sh', 'perl', 'date', 'rm', 'sleep', 'mount']) {
      symlinkSync(`/usr/bin/${name}`, `${bin}/${name}`);
    }
    accessSync(`${bin}/perl`);
    const first = await reserving('alone', { place: machineWith(locks, bin) });
    const { reservation } = await waitingFor();
    await first.release();
    await reservation;
    expect(warnings[0]).to.contain('is used by');
  });

  it('does without where the machine has no locks, and follows no planted link', async () => {
    symlinkSync('/etc/passwd', `${locks}/regime-testbed.lock`);
    await reserving();
    expect(warnings).to.deep.equal([
      'root@box is not reserved: /run/lock/regime-testbed.lock cannot be used',
    ]);
  });

  it('fails where nothing can be run', async () => {
    const place: Place = {
      ...machine,
      spawn: (_, options) => localPlace.spawn(['false'], options),
    };
    const failure = await reserving('alone', { place }).then(
      () => '',
      (cause: Error) => cause.message,
    );
    expect(failure).to.equal('cannot reserve root@box: exit status 1');
  });
});
