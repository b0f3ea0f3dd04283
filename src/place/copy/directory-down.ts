import { realpath, stat } from 'node:fs/promises';

import { bufferOf, type Argv, type Bytes } from '../../bytes.ts';
import { CopyFailed } from '../../errors.ts';
import { faultPoint } from '../../fault.ts';
import { followed, type Logger } from '../../log.ts';
import type { CopyOptions, CopyRequest } from '../copy.ts';
import { describeEnding, succeeded, type Place } from '../place.ts';
import { sendByArchive } from './archive-down.ts';
import type { Owner } from './archive-merge.ts';
import { innerDirectories } from './inner-directories.ts';
import { absoluteName, isWithin, named, parentOf, plainName } from './paths.ts';
import { checkEnd, type PipelineEnd } from './pipeline.ts';
import { journalled, planReplacement } from './replacement.ts';
import { scriptArgv, STATUS } from './scripts.ts';
import { sendTo } from './send.ts';
import { settle } from './settle.ts';
import { rememberTar, tarOf, warnOfPlainTar, type TarKind } from './tar-kind.ts';
import { measureTree } from './tar-meter.ts';

const COMMIT_LIMIT = 120_000;

/** What the testbed's script says of a destination that it has made in its place. */
const MADE = /^regime: made\n/m;

/** `copydown HOST/ TESTBED/`: tar here, tar there. */
export async function copyDirectoryDown(
  place: Place,
  request: CopyRequest,
  options: CopyOptions,
  signal: AbortSignal,
): Promise<void> {
  const source = plainName(request.host);
  const destination = plainName(request.testbed);
  const step = `cannot copy ${named(source)} to ${named(destination)} on ${place.label}`;
  await checkSource(source, destination, place, step);
  const sides = { source: 'the host', sink: place.label };
  const replacement = planReplacement('testbed', destination, parentOf(destination));
  // Where there is nothing to replace nothing has to be moved: that saves a command.
  const make = options.disposable && request.existing === 'replace' ? 'make' : '';
  const sinkArgv = (kind: TarKind, target: Bytes, inner: readonly Bytes[]) => {
    const words = [kind, request.existing, destination, target, make, ...inner];
    return scriptArgv(place, 'copy-directory-down', ...words);
  };
  /** @returns true where the tree is in its place already */
  const extract = async (target: Bytes, inner: readonly Bytes[] = []): Promise<boolean> => {
    const sink = (kind: TarKind) => sinkArgv(kind, target, inner);
    const end = await sendTree(source, sink, place, options.log, signal);
    const { archive } = place;
    if (end.sink === STATUS.noTar && archive) {
      rememberTar(place, 'none');
      const owner = await lookThere(place, sink('none'), step, signal);
      const { changed } = await sendByArchive({
        archive,
        source,
        target: absoluteName(target),
        owner,
        step,
        signal,
      });
      if (changed) options.log.warn(`${named(source)} changed while it was copied`);
      warnOfPlainTar(place, options.log);
      return false;
    }
    const made = MADE.test(end.words);
    if (end.source === 1 && end.sink === 0) {
      options.log.warn(`${named(source)} changed while it was copied`);
    } else {
      // Its sink has not heard that the source failed.
      if (made && end.source !== 0) await settle({ ...replacement, fresh: destination }, place);
      checkEnd(step, { ...end, words: end.words.replace(MADE, '') }, sides);
    }
    if (tarOf(place) === 'plain') warnOfPlainTar(place, options.log);
    return made;
  };
  if (request.existing === 'merge') {
    // tar would put a directory in the place of whatever it meets.
    const [inner, ...more] = await innerDirectories(source, signal);
    for (const part of more) {
      await lookThere(place, sinkArgv('none', destination, part), step, signal);
    }
    await extract(destination, inner);
    return;
  }

  if (destination === '/') throw new CopyFailed({ step: `${step}: / is not replaced` });
  const { fresh, aside } = replacement;
  await journalled(
    replacement,
    options,
    () => settle(replacement, place),
    async () => {
      const made = await extract(fresh);
      faultPoint('copydown.sent');
      if (made) {
        faultPoint('copydown.placed');
        return;
      }
      signal.throwIfAborted();
      // Only now do we know that the source had no error. The two renames are not interrupted.
      const outcome = await place.run(scriptArgv(place, 'copy-commit', destination, fresh, aside), {
        deadline: COMMIT_LIMIT,
      });
      faultPoint('copydown.placed');
      if (succeeded(outcome)) return;
      const status = describeEnding(outcome.ending);
      throw new CopyFailed({ step: `${step}: ${place.label}`, status, output: outcome.stderr });
    },
  );
}

/** Sends in the format that the testbed's tar reads; one more time where it is not what we took it for. */
async function sendTree(
  source: Bytes,
  sink: (kind: TarKind) => readonly Bytes[],
  place: Place,
  log: Logger,
  signal: AbortSignal,
): Promise<PipelineEnd> {
  const enough = new AbortController();
  const meter = measureTree(source, log, enough.signal);
  const send = (kind: keyof typeof FORMAT) =>
    sendTo(
      place,
      sink(kind),
      {
        argv: [
          ...['tar', '-c', '-f', '-', ...FORMAT[kind], ...meter.options],
          ...['--numeric-owner', '--no-unquote', '-C', source, '.'],
        ],
      },
      signal,
      (piece) => meter.heard(piece),
    );
  const kind = tarOf(place);
  if (kind === 'none') return { source: 0, sink: STATUS.noTar, words: '' };
  try {
    return await followed(
      log,
      `copying ${named(source)} to ${place.label}`,
      meter.advance,
      async () => {
        const end = await send(kind);
        if (end.sink !== STATUS.otherTar) return end;
        const other = kind === 'gnu' ? 'plain' : 'gnu';
        rememberTar(place, other);
        return send(other);
      },
    );
  } finally {
    enough.abort();
  }
}

/** Whether a tree may go there, and whom it is to belong to. */
async function lookThere(
  place: Place,
  look: Argv,
  step: string,
  signal: AbortSignal,
): Promise<Owner> {
  const { ending, stdout, stderr } = await place.run(look, { signal });
  const status = 'status' in ending ? ending.status : 255;
  checkEnd(step, { source: 0, sink: status, words: stderr }, { source: '', sink: place.label });
  const [uid = 0, gid = 0] = stdout.split('\n').map(Number);
  return { uid, gid };
}

/** busybox knows GNU's long names, but neither pax headers nor holes. */
const FORMAT = {
  gnu: ['--format=posix', '--pax-option=delete=atime,delete=ctime', '--sparse'],
  plain: ['--format=gnu'],
} as const;

async function checkSource(
  source: Bytes,
  destination: Bytes,
  place: Place,
  step: string,
): Promise<void> {
  const found = await stat(bufferOf(source)).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'there is no such directory' : cause.message;
    throw new CopyFailed({ step: `${step}: ${why}`, cause });
  });
  if (!found.isDirectory())
    throw new CopyFailed({ step: `${step}: ${named(source)} is no directory` });
  if (!place.isHost) return;
  // On the host itself a tree could be copied into itself without end.
  const real = async (name: Bytes) => (await realpath(bufferOf(name), 'buffer')).toString('latin1');
  const target = await real(destination).catch(() => real(parentOf(destination)).catch(() => ''));
  if (isWithin(target, await real(source))) {
    throw new CopyFailed({ step: `${step}: the destination lies in the source` });
  }
}
