// What a user of the library may write: compiled against the installed package, and run.
import { connect, type Connection } from 'regime';

const [program = '', ...args] = process.argv.slice(2);
let last: Connection;
{
  await using testbed = await connect([program, ...args]);
  last = testbed;
  const scratch: string = await testbed.open();
  const { status, stdout } = await testbed.exec(['sh', '-c', 'cat; exit 3'], { input: 'input' });
  console.log(scratch.startsWith('/'), status, stdout.toString());
}
// Closed and ended by then.
console.log(await last.open().catch((cause: unknown) => (cause as Error).name));
