import type { Argv, Bytes } from '../bytes.ts';
import { shown } from '../errors.ts';
import { describeEnding } from '../place/place.ts';
import type { Dialect } from './case.ts';
import { check, fail } from './check.ts';
import type { Client } from '../client/client.ts';
import {
  runCommand,
  startCommand,
  type CommandOptions,
  type Executed,
  type RunningCommand,
} from './command.ts';

/** A server with an open testbed. */
export interface Bed {
  readonly client: Client;
  /** The scratch space, or a new directory in it where the session is shared with other cases. */
  readonly scratch: Bytes;
  /** Asks for the auxverb again, as a caller does after `revert`. */
  refresh(): Promise<void>;
  /** The argv of the host that runs a command on the testbed. */
  argv(command: Argv): Argv;
  /** Runs a command on the testbed. */
  run(command: Argv, options?: CommandOptions & { deadline?: number }): Promise<Executed>;
  /** Starts a command on the testbed. */
  spawn(command: Argv, options?: CommandOptions): RunningCommand;
  /** Runs a script on the testbed, which must succeed; resolves to what it wrote. */
  sh(script: Bytes, ...words: Bytes[]): Promise<Bytes>;
  /** True where a test(1) expression holds on the testbed. */
  test(...words: Bytes[]): Promise<boolean>;
}

/** The word of a generation for the auxverb. */
export function auxverbWord(dialect: Dialect): Bytes {
  return dialect === 'current' ? 'print-execute-command' : 'print-auxverb-command';
}

/** Opens a server's testbed; resolves to the scratch space. */
export async function openTestbed(client: Client): Promise<Bytes> {
  const [scratch, ...more] = await client.ask('open');
  check(scratch !== undefined && more.length === 0, 'open has not exactly one result word');
  return scratch;
}

/**
 * A testbed that is open, to work with.
 * @param prefix the auxverb, empty as long as it wasn't asked for
 * @param started is told of each command that may still run when the case is over
 */
export function bedOf(
  client: Client,
  scratch: Bytes,
  dialect: Dialect,
  prefix: Argv,
  started: (command: RunningCommand) => void,
): Bed {
  let auxverb = prefix;
  const argv = (command: Argv) => [...auxverb, ...command];
  const run: Bed['run'] = (command, options = {}) => runCommand(argv(command), options);
  return {
    client,
    scratch,
    argv,
    run,
    async refresh() {
      auxverb = await client.auxverb(auxverbWord(dialect));
    },
    spawn(command, options) {
      const running = startCommand(argv(command), options);
      started(running);
      return running;
    },
    async sh(script, ...words) {
      const done = await run(['sh', '-ec', script, 'sh', ...words]);
      if ('status' in done.ending && done.ending.status === 0) return done.stdout;
      const how = describeEnding(done.ending);
      return fail(`on the testbed, ${shown(script, 200)}: ${how}: ${shown(done.stderr, 200)}`);
    },
    async test(...words) {
      const done = await run(['test', ...words]);
      return 'status' in done.ending && done.ending.status === 0;
    },
  };
}
