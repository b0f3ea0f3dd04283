import { execFile } from 'node:child_process';
import { userInfo } from 'node:os';

import { UsageError } from '../../../src/errors.ts';
import { matchesPatterns } from './patterns.ts';
import { expandTokens } from './tokens.ts';

/** What is known of a host when a `Match` line is met. */
export interface Situation {
  /** As the host was named. */
  readonly host: string;
  readonly isFinal: boolean;
  /** The value that a keyword has up to here. */
  first(keyword: string): string | undefined;
}

/** Milliseconds that a command of `Match exec` may take. */
const PATIENCE = 30_000;

/**
 * Judges the criteria of a `Match` line: all have to hold. Those that mean nothing here do not hold,
 * and are named.
 * @throws UsageError for a line that makes no sense
 */
export async function judgeMatch(words: readonly string[], situation: Situation) {
  const result = { verdict: true, asksFinal: false, unknown: [] as string[] };
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    const criterion = word.replace('!', '').toLowerCase();
    const takesValue = !['all', 'canonical', 'final'].includes(criterion);
    const value = takesValue ? queue.shift() : '';
    if (value === undefined) throw new UsageError(`Match ${criterion} needs a value`);
    if (criterion === 'final') result.asksFinal = true;
    // As ssh does: no command is run where the line does not hold anyway.
    if (!result.verdict) continue;
    const holds = await judge(criterion, value, situation);
    if (holds === undefined) result.unknown.push(criterion);
    result.verdict = holds !== undefined && holds !== word.startsWith('!');
  }
  return result;
}

async function judge(
  criterion: string,
  value: string,
  { host, isFinal, first }: Situation,
): Promise<boolean | undefined> {
  const localUser = userInfo().username;
  const user = first('user') ?? localUser;
  const hostName = expandTokens(first('hostname') ?? host, { h: host });
  const isOneOf = (name: string) => matchesPatterns(name, value.split(','));
  switch (criterion) {
    case 'all':
      return true;
    case 'canonical':
      return false;
    case 'final':
      return isFinal;
    case 'host':
      return isOneOf(hostName);
    case 'originalhost':
      return isOneOf(host);
    case 'user':
      return isOneOf(user);
    case 'localuser':
      return isOneOf(localUser);
    case 'exec':
      return succeeds(
        expandTokens(value, { h: hostName, n: host, p: first('port') ?? '22', r: user }),
      );
    default:
      return undefined;
  }
}

/** True where a command ends with 0. */
function succeeds(command: string): Promise<boolean> {
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', command], { timeout: PATIENCE }, (cause) => resolve(!cause));
  });
}
