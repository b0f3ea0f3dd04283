import type { Bytes } from '../src/bytes.ts';
import type { Client } from '../src/client/client.ts';
import { run, type Workshop } from './workshop.ts';

/** A server with its testbed, and how long its commands take. */
export interface Session {
  readonly client: Client;
  /** As the last `open` or `revert` gave it. */
  readonly scratch: Bytes;
  /** Sends a command that must succeed. @returns milliseconds from the request to the reply */
  time(command: Bytes, ...words: Bytes[]): Promise<number>;
  /** The argv that runs a command on the testbed now. */
  auxverb(): Promise<string[]>;
  /** Runs a script on the testbed, untimed. */
  run(script: string, env?: NodeJS.ProcessEnv): Promise<string>;
}

/** Starts a server; its testbed is closed. */
export async function startSession(workshop: Workshop, argv: readonly string[]): Promise<Session> {
  const client = await workshop.start(argv);
  let scratch = '';
  const session: Session = {
    client,
    get scratch() {
      return scratch;
    },
    async time(command, ...words) {
      const started = process.hrtime.bigint();
      const reply = await client.request(command, ...words).catch((cause: Error) => cause);
      const nanoseconds = Number(process.hrtime.bigint() - started);
      if (reply instanceof Error || reply.keyword !== 'ok') {
        const what = reply instanceof Error ? reply.message : reply.line;
        throw new Error(`${argv.join(' ')}: ${command}: ${what}: ${client.stderr.trim()}`);
      }
      if (command === 'open' || command === 'revert') {
        scratch = decodeURIComponent(reply.words[0] ?? '');
      }
      return nanoseconds / 1e6;
    },
    auxverb: async () => [...(await client.auxverb('print-execute-command'))],
    async run(script, env = workshop.env) {
      return run([...(await session.auxverb()), 'sh', '-ec', script], env);
    },
  };
  return session;
}

/** The same, and opens the testbed. */
export async function openSession(workshop: Workshop, argv: readonly string[]): Promise<Session> {
  const session = await startSession(workshop, argv);
  await session.time('open');
  return session;
}
