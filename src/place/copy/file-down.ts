import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';

import { bufferOf, type Bytes } from '../../bytes.ts';
import { CopyFailed } from '../../errors.ts';
import { followed } from '../../log.ts';
import type { CopyOptions, CopyRequest } from '../copy.ts';
import type { Place } from '../place.ts';
import { readSoFar } from './measures.ts';
import { named, parentOf, plainName } from './paths.ts';
import { checkEnd } from './pipeline.ts';
import { journalled, planReplacement } from './replacement.ts';
import { scriptArgv, STATUS } from './scripts.ts';
import { sendTo } from './send.ts';
import { settle } from './settle.ts';
import { rememberTar, tarOf, warnOfPlainTar } from './tar-kind.ts';

/** Files up to this many bytes go as they are, holes or not, and without a pipeline. */
const SMALL = 1 << 20;

/** `copydown HOST TESTBED`: the data through a pipe, with tar where there are holes to keep. */
export async function copyFileDown(
  place: Place,
  request: CopyRequest,
  options: CopyOptions,
  signal: AbortSignal,
): Promise<void> {
  const source = plainName(request.host);
  const destination = plainName(request.testbed);
  const step = `cannot copy ${named(source)} to ${named(destination)} on ${place.label}`;
  const sides = { source: 'the host', sink: place.label };
  // Without O_NONBLOCK a FIFO would wait here for somebody to write into it.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const handle = await open(bufferOf(source), flags).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
    throw new CopyFailed({ step: `${step}: ${why}`, cause });
  });
  try {
    const found = await handle.stat();
    if (!found.isFile())
      throw new CopyFailed({ step: `${step}: ${named(source)} is no regular file` });
    const there = place.isHost
      ? await stat(bufferOf(destination)).catch(() => undefined)
      : undefined;
    // On the host itself the two may be one file: opening it to write would empty what is to be read.
    if (there?.dev === found.dev && there.ino === found.ino) return;
    // A FIFO or a device there may have to wait for who reads it.
    const mayBlock = there !== undefined && !there.isFile();
    const executable = found.mode & 0o111 ? 'x' : '-';
    const hasHoles = found.size > SMALL && found.blocks * 512 < found.size;
    if (hasHoles && tarOf(place) === 'gnu') {
      if (await sendSparse(source, destination, executable)) return;
    }
    if (hasHoles) warnOfPlainTar(place, options.log);
    const sink = scriptArgv(place, 'copy-file-down', 'dense', executable, destination);
    if (found.size <= SMALL && !mayBlock) {
      // Most copies are of small files, and starting processes is most of their time.
      const { ending, stderr } = await place.run(sink, { input: await handle.readFile(), signal });
      const status = 'status' in ending ? ending.status : 255;
      checkEnd(step, { source: 0, sink: status, words: stderr }, sides);
      return;
    }
    const end = await followed(
      options.log,
      `copying ${named(source)} to ${place.label}`,
      () => readSoFar(handle.fd, found.size),
      () => sendTo(place, sink, { file: handle }, signal),
    );
    checkEnd(step, end, sides);
  } finally {
    await handle.close();
  }

  /** False where the testbed's tar can't do it. */
  async function sendSparse(from: Bytes, to: Bytes, executable: string): Promise<boolean> {
    const base = from.slice(from.lastIndexOf('/') + 1);
    const tar = [
      ...['tar', '-c', '-f', '-', '--format=posix', '--sparse', '--dereference', '--mode=0666'],
      ...['--numeric-owner', '--no-unquote', '-C', parentOf(from), '--', `./${base}`],
    ];
    const replacement = planReplacement('testbed', to, parentOf(to));
    let done = false;
    await journalled(
      replacement,
      options,
      () => settle(replacement, place),
      async () => {
        const sink = scriptArgv(
          place,
          'copy-file-down',
          'sparse',
          executable,
          to,
          replacement.fresh,
          base,
        );
        const end = await sendTo(place, sink, { argv: tar }, signal);
        if (end.sink === STATUS.otherTar) return rememberTar(place, 'plain');
        if (end.sink === STATUS.noTar) return rememberTar(place, 'none');
        checkEnd(step, end, sides);
        done = true;
      },
    );
    return done;
  }
}
