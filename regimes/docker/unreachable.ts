import { TestbedError } from '../../src/errors.ts';
import type { Address } from './address.ts';
import type { Trouble } from './line.ts';

/** An engine that can't be reached, as an error. */
export function describeTrouble(
  { url, from, engine }: Address,
  { status, output, hint }: Trouble,
  cause?: unknown,
): TestbedError {
  return new TestbedError({
    step: `cannot reach ${url === '' ? `the ${engine} engine` : `the engine at ${url}`}`,
    status,
    ...(output !== undefined && { output }),
    hint: hint ?? `the address is from ${from}`,
    ...(cause !== undefined && { cause }),
  });
}
