import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { shown } from '../errors.ts';
import { describeEnding } from '../place/place.ts';
import { bedOf, openTestbed, type Bed } from './bed.ts';
import type { Dialect } from './case.ts';
import { checkEqual } from './check.ts';
import { startServer, type Client, type Happening, type StartOptions } from '../client/client.ts';
import { killGroup } from '../client/kill-group.ts';
import type { RunningCommand } from './command.ts';
import { end, quit } from './ending.ts';
import type { Facts } from './facts.ts';
import type { Pool, SharedSession } from './pool.ts';

/** What a case has to work with. All that it starts and makes is taken away after it. */
export interface Trial {
  readonly facts: Facts;
  /** The generation that the case speaks. */
  readonly dialect: Dialect;
  /** Starts a server of its own and does not wait. */
  launch(options?: TrialOptions): Client;
  /** Starts a server and waits for its first `ok`. */
  start(options?: TrialOptions): Promise<Client>;
  /** Starts a server and opens its testbed. */
  open(options?: OpenOptions): Promise<Bed>;
  /** A session that was open already, for a case that leaves it open and cares for its own files. */
  share(): Promise<Bed>;
  /** A new directory of the host. */
  directory(): string;
  /** A name that nothing else has. */
  unique(): string;
}

export interface TrialOptions extends StartOptions {
  /** Arguments after those of the command line. */
  more?: readonly string[];
  /** The server's umask, in octal. */
  umask?: string;
}

export interface OpenOptions extends TrialOptions {
  /** Whether the testbed's auxverb is asked for at once, which settles the dialect. Default true. */
  auxverb?: boolean;
}

/** A trial and how to end it. */
export interface Setting {
  readonly trial: Trial;
  /** What was said, for a failure's diagnostics. */
  readonly record: readonly string[];
  /**
   * Ends the servers and takes away what the case made.
   * @throws Departure where a server that was not asked to end has more to say than a reply
   */
  finish(passed: boolean): Promise<void>;
}

let serial = 0;

/** Makes the surroundings of one case. */
export function prepareTrial(
  server: readonly string[],
  facts: Facts,
  dialect: Dialect,
  pool: Pool,
): Setting {
  const clients: Client[] = [];
  const shared: SharedSession[] = [];
  const commands: RunningCommand[] = [];
  const directories: string[] = [];
  const record: string[] = [];
  const started = (command: RunningCommand) => void commands.push(command);
  const unique = () => `regime-conform-${process.pid}-${Date.now()}-${(serial += 1)}`;

  const launch = (options: TrialOptions = {}): Client => {
    const argv = [...server, ...(options.more ?? [])];
    const mark = clients.length === 0 ? '' : `${clients.length + 1}`;
    const client = startServer(withUmask(argv, options.umask), {
      ...options,
      observe: (happening) => record.push(describe(happening, mark)),
    });
    clients.push(client);
    return client;
  };
  const start = async (options?: TrialOptions) => {
    const client = launch(options);
    await client.ready();
    return client;
  };

  const trial: Trial = {
    facts,
    dialect,
    launch,
    start,
    unique,
    async open(options = {}) {
      const client = await start(options);
      const bed = bedOf(client, await openTestbed(client), dialect, [], started);
      if (options.auxverb !== false) await bed.refresh();
      return bed;
    },
    async share() {
      const session = await pool.take(dialect, (happening) => {
        record.push(describe(happening, ''));
      });
      shared.push(session);
      const { client, scratch, auxverb } = session;
      const directory = `${scratch}/${unique()}`;
      const bed = bedOf(client, directory, dialect, auxverb, started);
      await bed.sh('mkdir "$1"', directory);
      return bed;
    },
    directory() {
      const made = mkdtempSync(join(tmpdir(), 'regime-conform-'));
      directories.push(made);
      return made;
    },
  };

  /** Gives a session that is as it was to the cases that come. */
  async function giveBack(session: SharedSession): Promise<void> {
    const { client } = session;
    if (client.hasEnded) return quit(client);
    // This reply is the next line only where no line was sent unasked.
    checkEqual((await client.request('auxverb_debug_fail')).line, 'ok', 'the line that follows');
    await pool.give(dialect, session);
  }

  return {
    trial,
    record,
    async finish(passed) {
      const servers = [...clients, ...shared.map(({ client }) => client)];
      for (const command of commands) killGroup(command.pid);
      try {
        if (passed) {
          for (const client of clients) await quit(client);
          for (const session of shared.splice(0)) await giveBack(session);
        }
      } catch (error) {
        for (const client of servers) await end(client);
        throw error;
      } finally {
        for (const client of clients) await end(client);
        for (const { client } of shared) await end(client);
        for (const path of directories) rmSync(path, { recursive: true, force: true });
      }
    },
  };
}

function withUmask(argv: readonly string[], umask: string | undefined): readonly string[] {
  return umask ? ['sh', '-c', 'umask "$1"; shift; exec "$@"', 'sh', umask, ...argv] : argv;
}

function describe(happening: Happening, mark: string): string {
  switch (happening.what) {
    case 'sent':
      return `${mark}> ${shown(happening.text, 500)}`;
    case 'received':
      return `${mark}< ${shown(happening.text, 500)}`;
    case 'stderr':
      return `${mark}! ${shown(happening.text, 2000)}`;
    case 'ended':
      return `${mark}* ${describeEnding(happening.ending)}`;
  }
}
