/** The error that a promise is rejected with; throws where it isn't. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  let value: unknown;
  try {
    value = await promise;
  } catch (thrown) {
    if (thrown instanceof Error) return thrown;
    throw new Error(`rejected with something that is no Error: ${String(thrown)}`, {
      cause: thrown,
    });
  }
  throw new Error(`not rejected, but resolved with ${String(value)}`);
}
