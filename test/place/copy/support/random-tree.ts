import { spawnSync } from 'node:child_process';
import fc from 'fast-check';

import { END_OF_ARCHIVE, writeMember, type TarMember } from '../../../../src/place/tar-member.ts';

/** A node of a random tree. Names and targets are bytes. */
export type TreeNode =
  | { kind: 'file'; mode: number; mtime: string; data: string; hole: number }
  | { kind: 'directory'; mode: number; mtime: string; children: Record<string, TreeNode> }
  | { kind: 'link'; mtime: string; target: string }
  | { kind: 'fifo'; mode: number; mtime: string }
  | { kind: 'twin'; of: number };

const byte = fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code));
const odd = fc.constantFrom(
  ...['-rf', '--help', 'a b', ' ', 'new\nline', '%41', 'a,b', "it's", '"', '\\', '$(x)', '*', '~'],
  ...[
    '\xff',
    '\xc3\xa9',
    '...',
    '-',
    'x\n',
    ' end ',
    'tab\t',
    '.hidden',
    '.regime-x.new',
    'PaxHeaders',
  ],
);
const anyName = fc.string({ unit: byte, minLength: 1, maxLength: 12 });
const longName = fc.string({ unit: byte, minLength: 90, maxLength: 255 });
const name = fc
  .oneof({ weight: 4, arbitrary: odd }, { weight: 4, arbitrary: anyName }, longName)
  .map((text) => text.replaceAll('/', '_'))
  .filter((text) => text !== '.' && text !== '..');
const target = fc.oneof(
  fc.constantFrom('/etc/passwd', '.', '..', '../../x', '/', 'missing', '/dev/null'),
  fc.string({ unit: byte, minLength: 1, maxLength: 150 }),
);
const mtime = fc
  .tuple(
    fc.integer({ min: -2_000_000_000, max: 4_000_000_000 }),
    fc.integer({ min: 0, max: 999_999_999 }),
  )
  .map(([seconds, nanos]) => `${seconds}.${String(nanos).padStart(9, '0')}`);
const mode = fc.integer({ min: 0, max: 0o7777 });
const file = fc.record({
  kind: fc.constant('file' as const),
  mode,
  mtime,
  data: fc.string({ unit: byte, maxLength: 1500 }),
  hole: fc.constantFrom(0, 0, 0, 0, 1 << 20, 3 << 16),
});
const link = fc.record({ kind: fc.constant('link' as const), mtime, target });
const fifo = fc.record({ kind: fc.constant('fifo' as const), mode, mtime });
const twin = fc.record({ kind: fc.constant('twin' as const), of: fc.nat() });

const { node } = fc.letrec<{ node: TreeNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    file,
    link,
    fifo,
    twin,
    directoryOf(tie('node')),
  ),
}));

function directoryOf(child: fc.Arbitrary<TreeNode>): fc.Arbitrary<TreeNode> {
  return fc.record({
    kind: fc.constant('directory' as const),
    mode,
    mtime,
    children: fc.dictionary(name, child, { maxKeys: 6, noNullPrototype: true }),
  });
}

/** Random directories. */
export const tree: fc.Arbitrary<TreeNode> = directoryOf(node);

/** Makes trees on the disk as `root/0`, `root/1` and so on. By tar, since Node's times lack nanoseconds. */
export function makeTrees(root: string, trees: readonly TreeNode[]): void {
  const members: Buffer[] = [];
  const add = (member: TarMember, data = '') => {
    members.push(writeMember(member), Buffer.from(data, 'latin1'));
    members.push(Buffer.alloc((512 - (data.length % 512)) % 512));
  };
  trees.forEach((top, index) => {
    const linkable: string[] = [];
    const visit = (path: string, entry: TreeNode) => {
      if (entry.kind === 'twin') {
        const of = linkable[entry.of % linkable.length];
        if (of !== undefined) {
          add({ path, type: '1', size: 0, mode: 0, mtime: '0', linkName: `./${of}` });
        }
        return;
      }
      const { mtime: time } = entry;
      if (entry.kind === 'link') {
        add({ path, type: '2', size: 0, mode: 0o777, mtime: time, linkName: entry.target });
      } else if (entry.kind === 'fifo') {
        add({ path, type: '6', size: 0, mode: entry.mode, mtime: time });
      } else if (entry.kind === 'directory') {
        add({ path, type: '5', size: 0, mode: entry.mode, mtime: time });
        for (const [child, below] of Object.entries(entry.children))
          visit(`${path}/${child}`, below);
        return;
      } else {
        const { data, hole } = entry;
        const sparse = {
          realSize: hole + data.length,
          map: [hole, data.length],
        };
        const size = data.length;
        add(
          { path, type: '0', size, mode: entry.mode, mtime: time, ...(hole && { sparse }) },
          data,
        );
      }
      // GNU tar writes two FIFOs where there is one with two names: a known loss.
      if (entry.kind !== 'fifo') linkable.push(path);
    };
    visit(String(index), top);
  });
  const made = spawnSync(
    'tar',
    ['-xpf', '-', '--delay-directory-restore', '--warning=no-timestamp', '-C', root],
    { input: Buffer.concat([...members, END_OF_ARCHIVE]), env: { ...process.env, LC_ALL: 'C' } },
  );
  if (made.status !== 0) throw new Error(`cannot make a tree: ${made.stderr.toString('latin1')}`);
}
