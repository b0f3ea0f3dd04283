import { TestbedError } from '../../src/errors.ts';
import { END_OF_ARCHIVE, writeMember } from '../../src/place/tar-member.ts';
import { padding } from '../../src/place/tar-header.ts';
import { containerArchive } from './archive.ts';
import { engineError, type Engine } from './engine.ts';
import type { Recipe, StandIn } from './recipe.ts';

const NAME = '.regime-stand-in';

/** Milliseconds that an engine may take to put a program of some kilobytes into a container. */
const DEADLINE = 60_000;

/**
 * The recipe for an image without a shell: a program of ours idles as process 1.
 * @throws TestbedError where there is none for the image's machine
 */
export async function withStandIn(engine: Engine, recipe: Recipe): Promise<Recipe> {
  const { standInProgram } = await import('../../src/place/stand-in/stand-in.ts');
  const image = engine.docker.getImage(recipe.body.Image ?? '');
  const { Architecture } = await image.inspect().catch((cause: unknown) => {
    throw engineError('cannot look at the image', cause);
  });
  const program = standInProgram(Architecture);
  if (!program) {
    throw new TestbedError({
      step: `the image has no shell, and nothing can stand in for it on ${Architecture}`,
      hint: 'a testbed needs /bin/sh there',
    });
  }
  const body = { ...recipe.body, Entrypoint: [`/${NAME}`], Cmd: [] };
  return { ...recipe, body, standIn: { path: `/${NAME}`, program } };
}

/**
 * Puts the program into a container that was created and not started yet, and the directory that
 * scratch spaces are made in where the image has none: its user may not be able to make it.
 */
export async function putStandIn(engine: Engine, id: string, { program }: StandIn): Promise<void> {
  const size = program.length;
  const common = { mtime: '0', size: 0 };
  const head = writeMember({ path: NAME, type: '0', mode: 0o755, ...common, size });
  const members = [head, program, Buffer.alloc(padding(size))];
  const archive = containerArchive(engine, id);
  const signal = AbortSignal.timeout(DEADLINE);
  const temporary = await archive.get('/tmp', signal);
  if (temporary) temporary.destroy();
  else members.push(writeMember({ path: 'tmp', type: '5', mode: 0o1777, ...common }));
  await archive.put('/', [...members, END_OF_ARCHIVE], signal);
}
