import type { Context, Testbed } from '../../src/regime.ts';

/**
 * The same testbed, whose checkpoints go where `wrap` sends them: each of its methods is called with
 * a context, and some keep it for later.
 */
export function checkpointingAs(testbed: Testbed, wrap: (context: Context) => Context): Testbed {
  return new Proxy(testbed, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown =>
        Reflect.apply(
          member,
          target,
          args.map((arg) => (isContext(arg) ? wrap(arg) : arg)),
        );
    },
  });
}

function isContext(value: unknown): value is Context {
  return typeof value === 'object' && value !== null && 'checkpoint' in value;
}
