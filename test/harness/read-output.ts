import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The tree under an output directory: what each name (bytes, relative) is and holds. */
export type Output = Record<string, string>;

/** These hold times, process ids or the server's command line. */
const VARYING = new Set(['log', 'testinfo.json']);

/** Reads all of an output directory, names as bytes, but for the files that differ every time. */
export function readOutput(directory: string): Output {
  const output: Output = {};
  const walk = (path: Buffer, name: string) => {
    const status = lstatSync(path);
    if (status.isDirectory()) {
      if (name) output[name] = 'directory';
      for (const entry of readdirSync(path, { encoding: 'latin1' }).sort()) {
        const inside = Buffer.concat([path, Buffer.from(`/${entry}`, 'latin1')]);
        walk(inside, name ? `${name}/${entry}` : entry);
      }
    } else if (status.isSymbolicLink()) {
      output[name] = `link to ${readlinkSync(path, { encoding: 'latin1' })}`;
    } else if (!VARYING.has(name)) {
      output[name] = `file ${readFileSync(path, 'latin1')}`;
    }
  };
  walk(Buffer.from(directory), '');
  return output;
}

/** The output without the files of these names. */
export function without(output: Output, ...names: string[]): Output {
  return Object.fromEntries(Object.entries(output).filter(([name]) => !names.includes(name)));
}

/** What a test printed on stdout, as the harness kept it; empty where it printed nothing. */
export function stdoutOf(output: Output, test: string): string {
  return (output[`${test}-stdout`] ?? 'file ').slice('file '.length);
}
