import type { TestServer } from '../../support/server.ts';

/** Waits until a server has said something on stderr; 20 seconds at the most. */
export function untilSays(server: TestServer, words: string): Promise<void> {
  return until(() => server.stderr().includes(words), `the server said "${words}"`);
}

/** Asks again and again until something is so; 20 seconds at the most. */
export async function until(
  ask: () => boolean | Promise<boolean>,
  what: string,
  limit = 20_000,
): Promise<void> {
  const end = performance.now() + limit;
  while (!(await ask())) {
    if (performance.now() > end) throw new Error(`in ${limit} ms it did not happen that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
