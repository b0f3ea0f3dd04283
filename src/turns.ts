/** How many questions are open on the terminal of this process: nothing is written over them. */
let asking = 0;
let clear = () => {};

/** Asks something on the terminal while nothing else is shown there. */
export async function askInTurn<T>(ask: () => Promise<T>): Promise<T> {
  asking += 1;
  clear();
  try {
    return await ask();
  } finally {
    asking -= 1;
  }
}

/** True while somebody is asked something. */
export function isAsking(): boolean {
  return asking > 0;
}

/** Says what takes away what is shown on the terminal, where a question comes; the last one counts. */
export function clearBeforeQuestions(how: () => void): void {
  clear = how;
}
