import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';

import type { Measure, Pair } from '../case.ts';
import { openSession, startSession, type Session } from '../session.ts';
import type { Source } from '../sources.ts';
import { run, type Workshop } from '../workshop.ts';

/** What two servers are started with. */
export interface BothArgv {
  ours: readonly string[];
  theirs: readonly string[];
}

/** Both servers with their testbeds open. */
export interface BothOpen {
  ours: Session;
  theirs: Session;
}

export async function openBoth(workshop: Workshop, { ours, theirs }: BothArgv): Promise<BothOpen> {
  return { ours: await openSession(workshop, ours), theirs: await openSession(workshop, theirs) };
}

/** The time of `open` on both. */
export async function timeOpens(workshop: Workshop, { ours, theirs }: BothArgv): Promise<Pair> {
  return {
    ours: openAndClose(await startSession(workshop, ours)),
    theirs: openAndClose(await startSession(workshop, theirs)),
  };
}

/** Opens, timed, and closes again, untimed. */
export function openAndClose(session: Session): Measure {
  return async () => {
    const milliseconds = await session.time('open');
    await session.time('close');
    return milliseconds;
  };
}

/**
 * The time of a copy on both.
 * @param far where it goes to, or comes from, on the testbed; left out: each one's scratch space
 */
export async function timeCopies(
  workshop: Workshop,
  command: 'copydown' | 'copyup',
  source: Source,
  { ours, theirs }: BothOpen,
  far?: string,
): Promise<Pair> {
  const time = (session: Session, side: string) => {
    const testbed = far === undefined ? session.scratch : `${far}-${side}`;
    return command === 'copydown'
      ? timeDown(session, source, testbed)
      : timeUp(session, source, testbed, mkdtempSync(join(workshop.directory, `up-${side}-`)));
  };
  return { ours: await time(ours, 'ours'), theirs: await time(theirs, 'theirs') };
}

/*
 * Trees stay until the end, under names of their own: ext4 takes its time for new files, up to a millisecond
 * for each, where many were removed in the minutes before (recently_deleted in fs/ext4/ialloc.c).
 */

/** Into a fresh name each time. What was written before is on the disk by then. */
async function timeDown(
  session: Session,
  { path, slash }: Source,
  testbed: string,
): Promise<Measure> {
  await session.run(`mkdir -p ${testbed}`);
  return async (round) => {
    const target = `${testbed}/down-${round}`;
    run(['sync']);
    const milliseconds = await session.time('copydown', path + slash, target + slash);
    if (!slash) await session.run(`rm ${target}`);
    return milliseconds;
  };
}

/** The same from the testbed, into a directory of the host. */
async function timeUp(
  session: Session,
  { path, slash }: Source,
  testbed: string,
  host: string,
): Promise<Measure> {
  const origin = `${testbed}/up`;
  await session.run(`mkdir -p ${testbed}; rm -rf ${origin}`);
  await session.time('copydown', path + slash, origin + slash);
  return async (round) => {
    const target = `${host}/${round}`;
    run(['sync']);
    const milliseconds = await session.time('copyup', origin + slash, target + slash);
    if (!slash) run(['rm', target]);
    return milliseconds;
  };
}
