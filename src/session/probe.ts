import { lstat } from 'node:fs/promises';

import { bufferOf, type Argv, type Bytes } from '../bytes.ts';
import { TestbedError } from '../errors.ts';
import { describeEnding, succeeded, type Place } from '../place/place.ts';
import { readScript } from '../place/script.ts';
import type { Context, Traits } from '../regime.ts';
import { loginEnvironment } from './environment.ts';
import { randomId } from './ids.ts';

/** What a probe found out about a testbed. */
export interface Facts {
  uid: number;
  /** An account that tests can run as. */
  normalUser?: Bytes;
  /** `VAR=VALUE`, as a login there would have it. */
  environment: Argv;
  /** Empty where none was asked for. */
  scratch: Bytes;
  /** The name of the scratch space on the host, where it is seen there too. */
  scratchOnHost?: Bytes;
}

/** The scratch space that a probe is to make. */
export interface ScratchWish {
  /** Absolute. What is there already, from before a revert, is removed. */
  path: Bytes;
  /** The account that it belongs to; left out, it follows from what the testbed is. */
  owner?: Bytes;
  /** Permission bits; left out, they follow from what the testbed is. */
  mode?: number;
}

/** Milliseconds that a probe may take. */
const DEADLINE = 60_000;

/**
 * Looks at a testbed: who we are there, which account a normal user has, what environment a login
 * would have; gives an ephemeral testbed such an account where it has none.
 * @param wish makes the scratch space too
 * @throws TestbedError where the testbed can't run it
 */
export async function probe(
  place: Place,
  traits: Traits,
  context: Context,
  wish?: ScratchWish,
): Promise<Facts> {
  const mark = randomId(20);
  // Others of the machine could plant links in a scratch space that is open to everybody.
  const own = traits.ephemeral && !place.shared;
  const owner = wish?.owner ?? (own || place.isHost ? '' : (traits.normalUser ?? '-'));
  const limited = traits.limitedRoot !== undefined;
  const account = traits.ephemeral && !limited ? 'add' : '';
  const mode = wish?.mode ?? (own ? 0o1777 : 0o755);
  const answers = readAnswers(
    await runScript(
      place,
      'probe',
      [mark, wish?.path ?? '', mode.toString(8), owner, account],
      context,
    ),
    mark,
  );
  const uid = Number(answers.get('uid'));
  if (!answers.has('end') || !Number.isInteger(uid)) {
    throw new TestbedError({ step: 'the testbed does not answer the probe as it should' });
  }
  const facts: Facts = {
    uid,
    environment: await loginEnvironment(answers, place, context),
    scratch: answers.get('scratch') ?? '',
  };
  // This host's accounts are people's: no test should run as one of them by chance.
  const normalUser = traits.normalUser ?? answers.get('normal');
  if (normalUser && !place.isHost && uid === 0 && !limited) facts.normalUser = normalUser;
  const onHost = facts.scratch && (await findOnHost(place, facts.scratch));
  if (onHost) facts.scratchOnHost = onHost;
  else if (onHost === undefined) {
    context.log.warn("downtmp-host is not advertised: the shared directory is not this host's");
  }
  return facts;
}

/**
 * The host's name of a directory of the testbed; empty where there is none. Undefined where there
 * should be one and is not: what keeps the testbed may be on another machine.
 */
async function findOnHost(place: Place, path: Bytes): Promise<Bytes | undefined> {
  if (place.isHost) return path;
  const { shared } = place;
  if (!shared || !path.startsWith(`${shared.here}/`)) return '';
  const name = `${shared.onHost}${path.slice(shared.here.length)}`;
  const found = await lstat(bufferOf(name)).catch(() => undefined);
  return found?.isDirectory() ? name : undefined;
}

/** Runs a script that lies beside this file with the testbed's `sh`, or with what stands in for it. */
export async function runScript(
  place: Place,
  name: string,
  args: Argv,
  { signal }: Pick<Context, 'signal'>,
  deadline = DEADLINE,
): Promise<Bytes> {
  const script = readScript(`${name}.sh`, import.meta.url);
  const { standIn } = place;
  const argv =
    standIn === undefined ? ['sh', '-c', script, name, ...args] : [standIn, name, ...args];
  const outcome = await place.run(argv, { signal, deadline });
  if (succeeded(outcome)) return outcome.stdout;
  throw new TestbedError({
    step: `cannot ${name.replace('-', ' ')} ${place.label}`,
    command: ['sh', `${name}.sh`],
    status: describeEnding(outcome.ending),
    output: outcome.stderr,
  });
}

/** Each answer follows a line `MARK NAME`, which a newline of its own precedes. */
function readAnswers(output: Bytes, mark: Bytes): Map<string, Bytes> {
  const parts = output.split(`\n${mark} `).slice(1);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf('\n');
      return [part.slice(0, end), part.slice(end + 1)];
    }),
  );
}
