import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';

import type { Address } from './address.ts';
import { describeTrouble } from './unreachable.ts';
import type { Dialler, Line, Trouble } from './line.ts';
import { watchPulse } from './pulse.ts';

/** An engine elsewhere under the name of a unix socket here. */
export interface Relay {
  /** The last thing that stood in the way, if anything did. */
  trouble(): Trouble | undefined;
  close(): void;
}

/** A caller of the socket with the line that it was given. */
interface Call {
  client: Socket;
  line: Line;
  /** True when the engine has said something. */
  answered: boolean;
}

/**
 * Listens on a unix socket and gives each caller a line to the engine. A caller who can have none gets
 * an answer of HTTP's that says why: so the reason reaches whoever asks, an auxverb too.
 * @param socketPath a path in a directory that nobody else may enter
 */
export async function startRelay(
  address: Address,
  dialler: Dialler,
  socketPath: string,
): Promise<Relay> {
  const calls = new Set<Call>();
  const queue: Socket[] = [];
  let last: Trouble | undefined;

  const end = ({ client, answered }: Call, trouble: Trouble | undefined) => {
    if (!answered) refuse(client, address, (last = trouble ?? SILENT));
    else if (trouble) client.destroy();
    else client.end();
  };
  const unanswered = () => [...calls].filter(({ answered }) => !answered).length;
  const admit = () => {
    while (queue.length > 0 && unanswered() < dialler.patience) {
      const client = queue.shift();
      if (client && !client.destroyed) begin(client);
    }
  };
  const begin = (client: Socket) => {
    const call: Call = { client, line: dialler.dial(), answered: false };
    const { line } = call;
    calls.add(call);
    // Whatever breaks a direction ends the line, which then tells why.
    line.input.on('error', () => {});
    line.output.on('error', () => {});
    line.output.once('data', () => {
      call.answered = true;
      admit();
    });
    line.output.once('end', () => {
      if (call.answered) client.end();
      else line.input.end();
    });
    client.pipe(line.input);
    line.output.pipe(client, { end: false });
    client.once('close', () => line.destroy());
    void line.over.then((trouble) => {
      // What the pulse has given up has been told already.
      if (calls.delete(call)) end(call, trouble);
      admit();
    });
  };

  const pulse = watchPulse(dialler, {
    isWanted: () => calls.size > 0,
    giveUp(trouble) {
      for (const call of calls) {
        calls.delete(call);
        end(call, trouble);
        call.line.destroy();
      }
    },
  });
  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => client.destroy());
    const dead = pulse.trouble();
    if (dead) return refuse(client, address, dead);
    queue.push(client);
    admit();
  });
  // A server that was killed leaves its own.
  rmSync(socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
  return {
    trouble: () => last,
    close() {
      pulse.stop();
      server.close();
      for (const client of queue.splice(0)) client.destroy();
      for (const { client, line } of calls) {
        client.destroy();
        line.destroy();
      }
      dialler.close();
      rmSync(socketPath, { force: true });
    },
  };
}

const SILENT: Trouble = { status: 'it ended the connection without an answer' };

/** To whoever speaks HTTP it looks as if a proxy could not reach the engine, which is so. */
function refuse(client: Socket, address: Address, trouble: Trouble): void {
  const body = JSON.stringify({ message: describeTrouble(address, trouble).message });
  client.resume();
  client.end(
    `HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\nConnection: close\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
