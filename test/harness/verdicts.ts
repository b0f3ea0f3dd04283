/** Test name to verdict (`PASS`, `FAIL non-zero exit status 3`, `SKIP …`, `FLAKY …`). */
export type Verdicts = Record<string, string>;

/**
 * Reads the harness' summary: a line a test, its name padded with blanks to a column, then the
 * verdict. Lines that are no verdict (`blame: …`, `testbed failure: …`) get the part before the
 * colon as their name.
 */
export function parseSummary(text: string): Verdicts {
  const verdicts: Verdicts = {};
  for (const line of text.split('\n')) {
    const [, name, verdict] =
      /^(\S+)\s+((?:PASS|FAIL|SKIP|FLAKY|BROKEN)\b.*)$/.exec(line) ??
      /^([^:]+): (.*)$/.exec(line) ??
      [];
    if (name !== undefined && verdict !== undefined) verdicts[name] = verdict.trimEnd();
  }
  return verdicts;
}
