import type { Bytes } from '../bytes.ts';
import { ProtocolError, shown } from '../errors.ts';
import type { ExecuteRequest } from './session.ts';
import { decodeList, decodeWord } from './words.ts';

/**
 * Reads `PROG,ARG,… STDIN STDOUT STDERR CWD [KEYWORD…]`, the arguments of `execute`.
 * @throws ProtocolError for a keyword that is unknown, malformed or given twice
 */
export function parseExecute(words: readonly Bytes[]): ExecuteRequest {
  const [list = '', stdin = '', stdout = '', stderr = '', directory = '', ...keywords] = words;
  const environment: Bytes[] = [];
  const request: ExecuteRequest = {
    command: decodeList(list),
    stdin: decodeWord(stdin),
    stdout: decodeWord(stdout),
    stderr: decodeWord(stderr),
    directory: decodeWord(directory),
    environment,
  };
  if (request.command[0] === '') throw new ProtocolError('execute names no program');
  for (const word of keywords) {
    const [, name, value] = /^([^=]*)=([^]*)$/.exec(decodeWord(word)) ?? [];
    if (name === 'env' && value !== undefined) environment.push(parseVariable(value));
    else if (name === 'timeout' && value !== undefined) setOnce(request, name, seconds(value));
    else if (name === 'debug' && value !== undefined) setOnce(request, name, descriptors(value));
    else throw new ProtocolError(`execute does not know the keyword ${shown(word, 200)}`);
  }
  return request;
}

function setOnce<K extends 'timeout' | 'debug'>(
  request: ExecuteRequest,
  name: K,
  value: NonNullable<ExecuteRequest[K]>,
): void {
  if (request[name] !== undefined) throw new ProtocolError(`${name}= is given twice`);
  Object.assign(request, { [name]: value });
}

function parseVariable(variable: Bytes): Bytes {
  if (!/^[^=]+=/.test(variable))
    throw new ProtocolError(`not env=VAR=VALUE: env=${shown(variable, 200)}`);
  return variable;
}

/** The longest that a timer of Node's can wait, in seconds (2^31-1 ms). */
const LONGEST = 2_147_483;

function seconds(value: Bytes): number {
  if (!/^[0-9]+(\.[0-9]+)?$/.test(value))
    throw new ProtocolError(`not a number: timeout=${shown(value, 200)}`);
  return Math.min(Number(value), LONGEST) * 1000;
}

function descriptors(value: Bytes): { from: number; to: number } {
  const [, from, to] = /^([0-9]{1,4})-([0-9]{1,4})$/.exec(value) ?? [];
  if (from === undefined || to === undefined || from === '0') {
    throw new ProtocolError(`not debug=TFD-HFD: debug=${shown(value, 200)}`);
  }
  return { from: Number(from), to: Number(to) };
}
