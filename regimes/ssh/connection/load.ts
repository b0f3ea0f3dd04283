import { setFlagsFromString } from 'node:v8';

import type Ssh2 from 'ssh2';

import type { Bytes } from '../../../src/bytes.ts';
import { TestbedError } from '../../../src/errors.ts';

// The library takes bytes too, as a login shell may want them; its types don't say so.
declare module 'ssh2' {
  interface Client {
    exec(
      command: string | Buffer,
      options: ExecOptions,
      callback: (cause: Error | undefined, channel: ClientChannel) => void,
    ): this;
  }
}

/**
 * Loads the ssh library, which is installed beside us. It makes two new buffers for each packet: V8, which
 * counts them as memory outside of its heap, looks through all of the heap every few MiB to be rid of
 * them, although they die young. That takes a third of the time of a copy, and without it no more memory.
 * @throws TestbedError
 */
export async function loadSsh2(): Promise<typeof Ssh2> {
  setFlagsFromString('--no-incremental-marking');
  try {
    return (await import('ssh2')).default;
  } catch (cause) {
    throw new TestbedError({
      step: 'the package ssh2, which speaks ssh, does not load',
      hint: 'install regime with its dependencies: npm install regime',
      cause,
    });
  }
}

/** A command as ssh2 sends it byte for byte: strings become UTF-8 there. */
export function commandBytes(command: Bytes): Buffer {
  return Buffer.from(command, 'latin1');
}
