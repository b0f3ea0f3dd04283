/** True in the build for tests of crashes (build.mjs --faults); elsewhere nothing of this is left. */
declare const REGIME_FAULT_POINTS: boolean | undefined;

/** The moments of a session, and of the reset of a kept one, at which a test may kill its server, in their order. */
export const FAULT_POINTS = [
  'open.recorded',
  'container.created',
  'container.started',
  'open.made',
  'open.settled',
  'open.done',
  'copydown.planned',
  'copydown.sent',
  'copydown.placed',
  'execute.running',
  'execute.ended',
  'copyup.planned',
  'copyup.received',
  'copyup.aside',
  'copyup.placed',
  'revert.begun',
  'revert.swapped',
  'revert.settled',
  'close.begun',
  'close.emptied',
  'close.closed',
  'close.forgotten',
  'keep.marked',
  'keep.done',
  'reset.begun',
  'reset.discarded',
  'reset.opened',
  'reset.settled',
  'reset.kept',
] as const;

/**
 * Marks a moment; in the build for tests the server is killed here where REGIME_FAULT names it. With
 * REGIME_FAULT_VICTIM=group its whole process group is; with `control group` it waits for its end.
 */
export function faultPoint(name: (typeof FAULT_POINTS)[number]): void {
  if (typeof REGIME_FAULT_POINTS !== 'undefined' && REGIME_FAULT_POINTS) {
    if (process.env['REGIME_FAULT'] !== name) return;
    const victim = process.env['REGIME_FAULT_VICTIM'];
    if (victim === 'control group') process.kill(process.pid, 'SIGSTOP');
    // 0 is the whole process group.
    process.kill(victim === 'group' ? 0 : process.pid, 'SIGKILL');
  }
}
