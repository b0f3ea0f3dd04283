type Task = () => void | Promise<void>;

const afterTest: Task[] = [];
const afterFile: Task[] = [];

/** Does something after the test that is running (or whose `beforeEach` is), however it ends. */
export function cleanUpAfterTest(task: Task): void {
  afterTest.push(task);
}

/** Does something after the last test of the file. For what a `before` hook makes. */
export function cleanUpAfterFile(task: Task): void {
  afterFile.push(task);
}

afterEach('clean up', async function () {
  this.timeout(60_000);
  await runAll(afterTest);
});

after('clean up', async function () {
  // Engines and their images, on a machine that is busy with another file.
  this.timeout(240_000);
  await runAll(afterFile);
});

/** Last made, first removed; one that fails does not keep the others from running. */
async function runAll(tasks: Task[]): Promise<void> {
  const failures: unknown[] = [];
  for (let task = tasks.pop(); task; task = tasks.pop()) {
    try {
      await task();
    } catch (cause) {
      failures.push(cause);
    }
  }
  if (failures.length > 0)
    throw new AggregateError(failures, `clean-up failed: ${String(failures[0])}`);
}
