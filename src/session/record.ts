import type { Bytes } from '../bytes.ts';
import { asError } from '../errors.ts';
import { thisOwner, type Owner } from './owner.ts';
import type { Wishes } from './settle.ts';

/** The version of the record that this program writes. A newer one is left alone. */
export const RECORD_VERSION = 1;

const PHASES = ['planned', 'opening', 'open', 'closing', 'closed'] as const;

/**
 * How far the session is. `planned`: nothing was made yet. `closed`: nothing is left (a session may
 * open again). In between anything that the states name may be there.
 */
export type Phase = (typeof PHASES)[number];

/** One level of the chain of regimes. */
export interface RegimeEntry {
  regime: string;
  /** What the command line said, as JSON, without secrets. */
  settings: unknown;
  /** What was planned or made: all that `discard` gets to know. */
  state: unknown;
}

/** A directory that is being replaced by a new tree: two renames, which a crash may come between. */
export interface Replacement {
  on: 'host' | 'testbed';
  /** The directory's final name. */
  destination: Bytes;
  /** The new tree, until it takes its place. */
  fresh: Bytes;
  /** The old tree, from then on until it is removed. */
  aside: Bytes;
}

/** The scratch space of a testbed that does not go with its server. */
export interface RecordedScratch {
  on: 'host' | 'testbed';
  path: Bytes;
}

/** The session share of a testbed that does not go with its server, or that has a name on this host. */
export interface RecordedShare extends RecordedScratch {
  /** That name, where the share goes with what the regime takes away. */
  host?: Bytes;
}

/** How the testbed of a session was made ready, so that it can be again when it was kept. */
export interface Settled {
  /** The path of its scratch space. */
  scratch: Bytes;
  wishes: Wishes;
  /** True where it has a session share. */
  share: boolean;
}

/** What is on disk about a session, enough to take it away when its server is dead. */
export interface SessionRecord {
  version: typeof RECORD_VERSION;
  id: string;
  /** The chain of regimes, outermost first. */
  regimes: RegimeEntry[];
  phase: Phase;
  replacement?: Replacement;
  scratch?: RecordedScratch;
  share?: RecordedShare;
  /** There where the testbed was left to its user. */
  settled?: Settled;
  owner: Owner;
  /** When the session was made, and when this record was written: ISO 8601, UTC. */
  created: string;
  changed: string;
}

/** A record that can't be used; who finds one reports it and leaves the session alone. */
export class RecordError extends Error {
  override readonly name = 'RecordError';
  constructor(
    readonly kind: 'damaged' | 'newer',
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

/** The first record of a session of this process. */
export function newRecord(id: string, regimes: RegimeEntry[], now = new Date()): SessionRecord {
  const created = now.toISOString();
  return {
    version: RECORD_VERSION,
    id,
    regimes,
    phase: 'planned',
    owner: thisOwner(),
    created,
    changed: created,
  };
}

/** A record as the bytes of a checkpoint, JSON with the time of writing. */
export function encodeRecord(record: SessionRecord, now = new Date()): Buffer {
  return Buffer.from(`${JSON.stringify({ ...record, changed: now.toISOString() })}\n`);
}

/**
 * A checkpoint's bytes as a record.
 * @throws RecordError where it is damaged, or of a newer version of this program
 */
export function decodeRecord(bytes: Buffer): SessionRecord {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new RecordError('damaged', `its record is not JSON: ${asError(cause).message}`, cause);
  }
  const record = fieldsOf(value, 'the record');
  const { version } = record;
  if (typeof version === 'number' && version > RECORD_VERSION) {
    throw new RecordError('newer', `its record has version ${version}, newer than this program`);
  }
  check(version === RECORD_VERSION, 'version');
  check(isText(record['id']), 'id');
  check(
    PHASES.some((phase) => phase === record['phase']),
    'phase',
  );
  check(isTime(record['created']), 'created');
  check(isTime(record['changed']), 'changed');
  const { regimes } = record;
  check(Array.isArray(regimes) && regimes.length > 0, 'regimes');
  for (const entry of regimes as unknown[]) checkEntry(entry);
  checkOwner(record['owner']);
  if (record['replacement'] !== undefined) {
    checkPaths(record['replacement'], 'replacement', ['destination', 'fresh', 'aside']);
  }
  if (record['scratch'] !== undefined) checkPaths(record['scratch'], 'scratch', ['path']);
  if (record['share'] !== undefined) checkPaths(record['share'], 'share', ['path']);
  if (record['settled'] !== undefined) checkSettled(record['settled']);
  return value as SessionRecord;
}

function checkEntry(value: unknown): void {
  const entry = fieldsOf(value, 'regimes');
  check(isText(entry['regime']), 'regimes.regime');
  check('settings' in entry, 'regimes.settings');
  check('state' in entry, 'regimes.state');
}

function checkOwner(value: unknown): void {
  const owner = fieldsOf(value, 'owner');
  check(isCount(owner['pid']) && owner['pid'] !== 0, 'owner.pid');
  check(isCount(owner['started']), 'owner.started');
  check(typeof owner['boot'] === 'string', 'owner.boot');
  check(isText(owner['machine']), 'owner.machine');
}

function checkSettled(value: unknown): void {
  const { scratch, wishes, share } = fieldsOf(value, 'settled');
  check(isPath(scratch), 'settled.scratch');
  check(typeof share === 'boolean', 'settled.share');
  const { setup, scratchMode, user } = fieldsOf(wishes, 'settled.wishes');
  const scripts = Array.isArray(setup) && setup.every((script) => typeof script === 'string');
  check(scripts, 'settled.wishes.setup');
  check(scratchMode === undefined || isCount(scratchMode), 'settled.wishes.scratchMode');
  check(user === undefined || isText(user), 'settled.wishes.user');
}

function checkPaths(value: unknown, what: string, names: readonly string[]): void {
  const fields = fieldsOf(value, what);
  check(['host', 'testbed'].includes(fields['on'] as string), `${what}.on`);
  for (const name of names) {
    check(isPath(fields[name]), `${what}.${name}`);
  }
}

function fieldsOf(value: unknown, what: string): Record<string, unknown> {
  check(typeof value === 'object' && value !== null && !Array.isArray(value), what);
  return value as Record<string, unknown>;
}

function check(holds: boolean, what: string): void {
  if (!holds)
    throw new RecordError('damaged', `its record is damaged: ${what} is not what it should be`);
}

/** These are going to be removed and renamed: nothing but absolute paths of bytes will do. */
function isPath(value: unknown): boolean {
  // eslint-disable-next-line no-control-regex
  return typeof value === 'string' && /^\/[\x01-\xff]+$/.test(value);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}
