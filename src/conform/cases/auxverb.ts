import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Bytes } from '../../bytes.ts';
import type { Case } from '../case.ts';
import { check, checkEnding, checkEqual, checkSame } from '../check.ts';
import { decode } from '../../client/codec.ts';
import { runCommand } from '../command.ts';
import { auxverbWord } from '../bed.ts';

const ODD_ARGUMENTS: readonly Bytes[] = [
  '',
  ' two  spaces ',
  'new\nline\n',
  `'"\`$HOME\\`,
  '-n',
  '--help',
  'a=b',
  '%41,%2C+',
  '*?[a-z]~;&|<>(){}!#',
  'h\xc3\xa4\xc3\x9f',
  '\xff\xfe\x80',
  'x'.repeat(100_000),
];

export const auxverbCases: readonly Case[] = [
  {
    rule: 'AUXVERB-1',
    name: 'a command gets its arguments byte for byte',
    async run(t) {
      const bed = await t.share();
      const script = 'for word; do printf "%s\\0" "$word"; done';
      const { stdout } = await bed.run(['sh', '-c', script, 'sh', ...ODD_ARGUMENTS]);
      checkSame(stdout.split('\0').slice(0, -1), ODD_ARGUMENTS, 'what arrived');
    },
  },
  {
    rule: 'AUXVERB-1',
    name: 'the command runs on the testbed, where the scratch space is',
    async run(t) {
      const bed = await t.share();
      check(await bed.test('-d', bed.scratch), 'the scratch space is not there');
    },
  },
  {
    rule: 'AUXVERB-2',
    name: 'no member of the auxverb holds a comma or a percent sign',
    async run(t) {
      const { client } = await t.open({ auxverb: false });
      const [list = ''] = (await client.request(auxverbWord(t.dialect))).words;
      for (const member of list.split(',').map(decode)) {
        check(!/[,%]/.test(member), `a member is ${member}`);
      }
    },
  },
  {
    rule: 'AUXVERB-3',
    name: '4 MiB pass through stdin and stdout unharmed',
    async run(t) {
      const bed = await t.share();
      const data = randomBytes(4 << 20);
      const { stdout, ending } = await bed.run(['cat'], { input: data, deadline: 30_000 });
      checkEnding(ending, { status: 0 }, 'cat');
      check(stdout === data.toString('latin1'), `${stdout.length} other bytes came back`);
    },
  },
  {
    rule: 'AUXVERB-3',
    name: 'stdout and stderr are two, and nothing is added to them',
    async run(t) {
      const bed = await t.share();
      const silent = await bed.run(['true']);
      checkSame([silent.stdout, silent.stderr], ['', ''], 'the output of true');
      const both = await bed.run(['sh', '-c', 'printf out; printf err >&2']);
      checkSame([both.stdout, both.stderr], ['out', 'err'], 'the output');
    },
  },
  {
    rule: 'AUXVERB-3',
    name: 'files serve as stdin, stdout and stderr',
    async run(t) {
      const bed = await t.share();
      const directory = t.directory();
      const paths = ['in', 'out', 'err'].map((name) => join(directory, name));
      const [input = '', output = '', errors = ''] = paths;
      writeFileSync(input, 'some input\n');
      const opened = [openSync(input, 'r'), openSync(output, 'a'), openSync(errors, 'a')] as const;
      try {
        await bed.run(['sh', '-c', 'cat; echo more; echo bad >&2'], { stdio: opened });
      } finally {
        opened.forEach((descriptor) => closeSync(descriptor));
      }
      checkEqual(readFileSync(output, 'latin1'), 'some input\nmore\n', 'the file of stdout');
      checkEqual(readFileSync(errors, 'latin1'), 'bad\n', 'the file of stderr');
    },
  },
  {
    rule: 'AUXVERB-4',
    name: 'the command sees the end of its input while its output still flows',
    async run(t) {
      const bed = await t.share();
      const running = bed.spawn(['sh', '-c', 'echo up; cat >/dev/null; sleep 0.2; echo late']);
      await running.said((text) => text.includes('up'), 10_000);
      running.write('some input');
      running.endInput();
      checkEqual((await running.ended(10_000)).stdout, 'up\nlate\n', 'the output');
    },
  },
  {
    rule: 'AUXVERB-4',
    name: 'a command that ends while its input is open is not waited for',
    async run(t) {
      const bed = await t.share();
      const running = bed.spawn(['sh', '-c', 'echo done']);
      const { ending, stdout } = await running.ended(10_000);
      checkEnding(ending, { status: 0 }, 'the command');
      checkEqual(stdout, 'done\n', 'the output');
    },
  },
  {
    rule: 'AUXVERB-3',
    name: 'a command that writes to a reader who has gone ends',
    async run(t) {
      const bed = await t.share();
      const running = bed.spawn(['sh', '-c', 'while echo more; do sleep 0.05; done 2>/dev/null']);
      await running.said((text) => text.includes('more'), 10_000);
      running.closeOutput();
      await running.ended(8000);
    },
  },
  {
    rule: 'AUXVERB-5',
    name: 'all output arrives and a process left behind is not waited for',
    async run(t) {
      const bed = await t.share();
      const script = 'head -c 1000000 /dev/zero | tr "\\0" x; sleep 8 & echo end';
      const started = Date.now();
      const { stdout, ending } = await bed.run(['sh', '-c', script]);
      checkEnding(ending, { status: 0 }, 'the command');
      checkEqual(stdout.length, 1_000_004, 'the length of the output');
      check(Date.now() - started < 6000, 'the auxverb waits for the process left behind');
    },
  },
  {
    rule: 'AUXVERB-10',
    name: 'the descriptors of the caller do not become non-blocking',
    async run(t) {
      const bed = await t.share();
      const directory = t.directory();
      const fifos = ['in', 'out', 'err'].map((name) => join(directory, name));
      await runCommand(['mkfifo', ...fifos]);
      const [input = 0, output = 0, errors = 0] = fifos.map((path) =>
        openSync(path, constants.O_RDWR),
      );
      try {
        const flags = () => [input, output, errors].map(statusFlags);
        const before = flags();
        const running = bed.spawn(['sh', '-c', 'echo up; sleep 0.2'], {
          stdio: [input, output, errors],
        });
        const during = await new Promise<string[]>((resolve) =>
          setTimeout(() => resolve(flags()), 150),
        );
        await running.ended(10_000);
        checkSame(during, before, 'the flags while it runs');
        checkSame(flags(), before, 'the flags after it');
      } finally {
        for (const descriptor of [input, output, errors]) closeSync(descriptor);
      }
    },
  },
  {
    rule: 'AUXVERB-12',
    name: '50 commands run at once',
    async run(t) {
      const bed = await t.share();
      const numbers = Array.from({ length: 50 }, (_, index) => `${index}`);
      const script = 'read -r word; sleep 0.2; echo "$1 $word"; exit "$1"';
      const done = await Promise.all(
        numbers.map((number) =>
          bed.run(['sh', '-c', script, 'sh', number], { input: `${number}\n`, deadline: 40_000 }),
        ),
      );
      for (const [index, { ending, stdout }] of done.entries()) {
        checkEnding(ending, { status: index }, `command ${index}`);
        checkEqual(stdout, `${index} ${index}\n`, 'its output');
      }
    },
  },
];

/** The octal file status flags of a descriptor of ours. */
function statusFlags(descriptor: number): string {
  const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1');
  return /^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '';
}
