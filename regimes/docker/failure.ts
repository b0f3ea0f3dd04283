import { setTimeout } from 'node:timers/promises';

import type { ContainerInspectInfo } from 'dockerode';

import { textOf } from '../../src/bytes.ts';
import { asError, lastWords } from '../../src/errors.ts';
import type { Place } from '../../src/place/place.ts';
import { readScript } from '../../src/place/script.ts';
import { inspectContainer, SESSION_LABEL, type Container } from './containers.ts';
import type { Engine } from './engine.ts';

/** Lines of a container's log that are shown. */
const LINES = 50;

/** Milliseconds in which a container has to say what it knows. */
const ASKING = 15_000;

/** The exit status of what SIGKILL has ended. */
const KILLED = 137;

/** Milliseconds that messages of one end may lie apart. */
const LATE = 500;

/** Why a container no longer runs, on one line; undefined where it does run. */
export async function causeOfDeath(engine: Engine, id: string): Promise<string | undefined> {
  try {
    let found = await inspectContainer(engine, id);
    if (found?.State.ExitCode === KILLED && !found.State.OOMKilled) {
      // That the memory ran out is another message to the engine, which may come after that of the end.
      await setTimeout(LATE);
      found = await inspectContainer(engine, id);
    }
    if (!found) return 'it has been removed';
    if (found.State.Running) return undefined;
    const words = lastWords(Buffer.from(await readLog(engine, found, 1)).toString('latin1'));
    return describeState(found) + (words && `; its last words: ${words}`);
  } catch (cause) {
    return asError(cause).message;
  }
}

function describeState({ State }: ContainerInspectInfo): string {
  const { Status, ExitCode, OOMKilled, Error: error } = State;
  if (Status === 'running') return 'it runs';
  const killed = OOMKilled ? ', killed as its memory ran out (OOMKilled)' : '';
  return `it has ended (${Status}) with exit code ${ExitCode}${killed}${error && `: ${error}`}`;
}

/**
 * State, last lines of the log, what the engine did for the session.
 * @param container with the way into it: where it runs it is asked too, and its init, if it has one
 */
export async function explainFailure(
  engine: Engine,
  { container: { id }, place }: { container: Container; place: Place },
  session: string,
  since: number,
): Promise<string> {
  const parts: string[] = [];
  const part = async (head: string, step: () => Promise<string>) => {
    const text = await step().catch((cause: unknown) => asError(cause).message);
    parts.push(`${head}:\n${text.trimEnd()}\n`);
  };
  const found = await inspectContainer(engine, id).catch(() => undefined);
  await part(`container ${found?.Name ?? id}`, () =>
    Promise.resolve(found ? describeState(found) : 'it has gone, or the engine does not answer'),
  );
  if (found) await part(`its last ${LINES} lines`, () => readLog(engine, found, LINES));
  const own = found?.State.Running ? await askContainer(place) : '';
  if (own) await part('what is known in it', () => Promise.resolve(own));
  await part('what the engine did', () => readEvents(engine, session, since));
  return parts.join('');
}

/** Nothing where it does not answer. */
async function askContainer(place: Place): Promise<string> {
  const script = readScript('explain-container.sh', import.meta.url);
  const argv = ['sh', '-c', script, 'explain-container', String(LINES)];
  try {
    return textOf((await place.run(argv, { deadline: ASKING })).stdout);
  } catch {
    return '';
  }
}

async function readLog(
  { docker }: Engine,
  { Id, Config }: ContainerInspectInfo,
  lines: number,
): Promise<string> {
  const wish = { stdout: true, stderr: true, tail: lines, follow: false as const };
  const log = await docker.getContainer(Id).logs(wish);
  return Config.Tty ? log.toString().replaceAll('\r', '') : demultiplex(log);
}

/** Frames of 8 bytes of head: the stream's number, three zeroes, the length (big-endian). */
function demultiplex(log: Buffer): string {
  let text = '';
  for (let at = 0; at + 8 <= log.length;) {
    const end = at + 8 + log.readUInt32BE(at + 4);
    text += log.subarray(at + 8, end).toString();
    at = end;
  }
  return text;
}

async function readEvents({ docker }: Engine, session: string, since: number): Promise<string> {
  const stream = await docker.getEvents({
    since: Math.floor(since / 1000),
    until: Math.ceil(Date.now() / 1000),
    filters: { label: [`${SESSION_LABEL}=${session}`] },
  });
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  const lines = text.split('\n').filter((line) => line !== '');
  // Each command is three events: what happens to containers is what matters.
  return lines
    .map(readEvent)
    .filter((line) => !/ exec_(create|start|die)/.test(line))
    .join('\n');
}

function readEvent(line: string): string {
  try {
    const event = JSON.parse(line) as {
      time: number;
      Action: string;
      Actor: { Attributes: Record<string, string> };
    };
    const { name = '', exitCode } = event.Actor.Attributes;
    const time = new Date(event.time * 1000).toISOString();
    return `${time} ${event.Action} ${name}${exitCode ? ` exit code ${exitCode}` : ''}`;
  } catch {
    return line;
  }
}
