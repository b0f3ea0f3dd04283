import { join } from 'node:path';

import { textOf } from '../bytes.ts';
import { asError } from '../errors.ts';
import type { Regime } from '../regime.ts';
import { look, machineInLock, type Found } from './found.ts';
import { idOfName } from './ids.ts';
import { isHeld } from './lock.ts';
import { machineId, ownerRuns } from './owner.ts';
import { RecordError } from './record.ts';
import { LOCK_FILE } from './remove.ts';
import type { Repository } from './repository.ts';
import { sharePath } from './share.ts';

/**
 * What a session is to who looks at it from outside. `making`, `open`, `closing`: its server lives;
 * `kept`: left to its user; `dead`: a reaper takes it; `elsewhere`: another machine's; `newer`,
 * `damaged`: its record can't be read.
 */
export type Standing =
  'making' | 'open' | 'closing' | 'kept' | 'dead' | 'elsewhere' | 'newer' | 'damaged';

/** One session as `regime sessions` shows it. */
export interface Survey {
  id: string;
  directory: string;
  standing: Standing;
  /** The chain, outermost first; empty where no record tells. */
  regimes: string[];
  owner?: { pid: number; machine: string };
  /** True where its server lives and will leave it to its user. */
  toBeKept: boolean;
  /** What of it is there, a phrase each. */
  holds: string[];
  /** Where its commands pass files to each other, on this host; left out where that has no such name. */
  share?: string;
  /** Its name on the testbed, where it has none here. */
  shareThere?: string;
  /** Milliseconds since 1970. */
  created?: number;
  changed?: number;
  /** What is wrong with its record. */
  problem?: string;
}

/**
 * Looks at all sessions of this user, oldest first. Nothing is touched, no engine is asked.
 * @param findRegime for what a session holds
 */
export async function surveySessions(
  repository: Repository,
  findRegime: (name: string) => Promise<Regime | undefined>,
): Promise<Survey[]> {
  const all: Survey[] = [];
  for (const name of await repository.list()) {
    const id = idOfName(name);
    if (id === undefined) continue;
    const survey = await surveyOne(id, join(repository.path, name), findRegime);
    if (survey) all.push(survey);
  }
  return all.sort((a, b) => (a.created ?? 0) - (b.created ?? 0));
}

async function surveyOne(
  id: string,
  directory: string,
  findRegime: (name: string) => Promise<Regime | undefined>,
): Promise<Survey | undefined> {
  let found: Found | undefined;
  try {
    found = look(id, directory);
  } catch (cause) {
    const standing = cause instanceof RecordError && cause.kind === 'newer' ? 'newer' : 'damaged';
    const problem = asError(cause).message;
    return { id, directory, standing, regimes: [], toBeKept: false, holds: [], problem };
  }
  if (!found) return undefined;
  const { record, kept, created, changed } = found;
  const standing = await standingOf(found);
  const share =
    record?.share?.host ?? (record?.share?.on === 'host' ? record.share.path : undefined);
  const shareThere = record?.share?.path ?? (record?.settled?.share ? sharePath(id) : undefined);
  return {
    id,
    directory,
    standing,
    regimes: record?.regimes.map(({ regime }) => regime) ?? [],
    ...(record && { owner: { pid: record.owner.pid, machine: record.owner.machine } }),
    toBeKept: kept && standing !== 'kept',
    ...(share !== undefined && { share: textOf(share) }),
    ...(share === undefined && shareThere !== undefined && { shareThere: textOf(shareThere) }),
    holds: await holdingsOf(found, findRegime),
    created,
    changed,
  };
}

async function standingOf({ directory, record, kept }: Found): Promise<Standing> {
  const machine = record?.owner.machine ?? machineInLock(directory);
  if (machine && machine !== machineId()) return 'elsewhere';
  const lives =
    (record && !kept && ownerRuns(record.owner)) || (await isHeld(join(directory, LOCK_FILE)));
  if (!lives) return kept ? 'kept' : 'dead';
  if (record?.phase === 'open') return 'open';
  return record?.phase === 'closing' ? 'closing' : 'making';
}

async function holdingsOf(
  { record }: Found,
  findRegime: (name: string) => Promise<Regime | undefined>,
): Promise<string[]> {
  if (!record) return [];
  const { regimes, scratch, share, replacement } = record;
  const levels = await Promise.all(
    regimes.map(async ({ regime, settings, state }) =>
      (await findRegime(regime).catch(() => undefined))?.holds?.(settings, state),
    ),
  );
  return [
    ...levels.filter((phrase) => phrase !== undefined),
    ...(scratch ? [`scratch space ${scratch.path} on the ${scratch.on}`] : []),
    ...(share ? [`share ${share.host ?? share.path}`] : []),
    ...(replacement ? [`a copy to ${replacement.destination}`] : []),
  ];
}
