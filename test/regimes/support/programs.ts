import { writeFileSync } from 'node:fs';

import type { Caller } from '../../crash/caller.ts';

/** A caller that finds programs in a directory first. */
export function withPrograms(caller: Caller, directory: string): Caller {
  const path = `PATH=${directory}:`;
  return {
    ...caller,
    argv: (...args) => caller.argv(...args).map((word) => word.replace(/^PATH=/, path)),
    env: { ...caller.env, PATH: `${directory}:${caller.env['PATH'] ?? ''}` },
  };
}

/** A script of the shell that stands in for a program. */
export function writeProgram(path: string, script: string): void {
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}
