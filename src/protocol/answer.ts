import { anyOf } from '../abort.ts';
import type { Bytes } from '../bytes.ts';
import { CopyFailed, ProtocolError, shown, TimedOut } from '../errors.ts';
import { commands, type Call, type Command } from './commands.ts';
import type { Session } from './session.ts';

/** What is replied to a command. */
export interface Answer {
  keyword: 'ok' | 'copy-failed' | 'timeout';
  /** Results, as they stand on the wire; none but after `ok`. */
  words: readonly Bytes[];
  /** Why it is not `ok`. */
  error?: Error;
}

export interface Asking extends Omit<Call, 'words'> {
  /** Aborted when nobody waits for the answer any more (see `open`). */
  endOfInput?: AbortSignal;
}

/**
 * Checks a command and carries it out.
 * @param name with hyphens
 * @param words what follows it, still encoded
 * @throws ProtocolError where it is unknown or wrong here; what else the session's steps throw
 */
export async function answerTo(
  name: string,
  words: readonly Bytes[],
  { endOfInput, ...asking }: Asking,
): Promise<Answer> {
  const command = commands[name];
  if (!command) throw new ProtocolError(`unknown command ${shown(name, 200)}`);
  checkCall(name, command, words, asking.session);
  const signal =
    command.endsWithInput && endOfInput ? anyOf(asking.signal, endOfInput) : asking.signal;
  try {
    return { keyword: 'ok', words: await command.run({ ...asking, words, signal }) };
  } catch (error) {
    if (asking.signal.aborted) throw error;
    // Failures that leave the session alive.
    if (error instanceof CopyFailed) return { keyword: 'copy-failed', words: [], error };
    if (error instanceof TimedOut) return { keyword: 'timeout', words: [], error };
    throw error;
  }
}

/** Arity, state and capability of every command are checked here and nowhere else. */
function checkCall(
  name: string,
  command: Command,
  words: readonly Bytes[],
  session: Session,
): void {
  const [least, most] = command.arity;
  if (words.length < least || words.length > most) {
    throw new ProtocolError(`wrong number of arguments for ${name}: ${words.length}`);
  }
  if (command.state !== 'any' && (command.state === 'open') !== session.isOpen) {
    const state = session.isOpen ? 'the testbed is open already' : 'the testbed is not open';
    throw new ProtocolError(`${name}: ${state}`);
  }
  const advertised = session.capabilities().map((capability) => capability.name);
  if (command.needs && !advertised.includes(command.needs)) {
    throw new ProtocolError(`${name}: this testbed does not advertise ${command.needs}`);
  }
}
