import type { Argv, Bytes } from '../../../src/bytes.ts';

/**
 * What a setup script says of the host that it made: lines `KEY=VALUE` of its stdout, each value
 * bytes as it stands, the last one of a key counting.
 */
export interface SetupAnswer {
  readonly login?: Bytes;
  readonly hostname?: Bytes;
  readonly port?: Bytes;
  /** The path of a private key. */
  readonly identity?: Bytes;
  /** The password that sudo wants: a secret. */
  readonly password?: Bytes;
  /** Words as `capabilities` replies them, parted by commas or spaces. */
  readonly capabilities?: Bytes;
  /** Words for the command line of ssh(1), parted by spaces. */
  readonly options?: Bytes;
}

const KEYS: readonly (keyof SetupAnswer)[] = [
  'login',
  'hostname',
  'port',
  'identity',
  'password',
  'capabilities',
  'options',
];

/**
 * Reads the output of a setup script. Lines of other forms are passed over.
 * @param earlier what it said before, which holds where it says nothing else
 * @param onUnknown told of a key that means nothing here
 */
export function readAnswer(
  output: Bytes,
  earlier: SetupAnswer,
  onUnknown: (key: Bytes) => void,
): SetupAnswer {
  const answer: { -readonly [Key in keyof SetupAnswer]: SetupAnswer[Key] } = { ...earlier };
  for (const line of output.split(/\r\n|[\r\n]/)) {
    const at = line.indexOf('=');
    if (at < 0) continue;
    const word = line.slice(0, at);
    const key = KEYS.find((known) => known === word);
    if (key) answer[key] = line.slice(at + 1);
    // Kept by who ran the script, also for after a crash.
    else if (word !== 'extraopts') onUnknown(word);
  }
  return answer;
}

/** The capabilities that a script vouches for. */
export function capabilityWords({ capabilities = '' }: SetupAnswer): Argv {
  return capabilities.split(/[,\s]+/).filter((word) => word !== '');
}
