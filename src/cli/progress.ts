import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';

import { withoutControls, writeStderr, type Advance, type Logger } from '../log.ts';
import type { Session } from '../protocol/session.ts';
import { clearBeforeQuestions, isAsking } from '../turns.ts';
import { renderProgress } from './progress-text.ts';

/** Milliseconds until something is worth to be shown, and between two looks at it. */
const PATIENCE = 1000;
const INTERVAL = 200;

/** Something that is followed. */
interface Followed {
  what: string;
  since: number;
  /** When there was something to count. */
  counting?: number;
  advance(): Advance;
}

/** A line on stderr, a terminal, that shows how far what is done now is. */
export interface Progress {
  /** The same logger, whose lines do not tear ours. What is followed with it is shown. */
  loggerOver(log: Logger): Logger;
  /** Shows what is followed while some work lasts, and that it lasts. */
  during<T>(what: string, work: () => Promise<T>): Promise<T>;
}

/** Undefined where stderr is no terminal on which a line can change. */
export function progressOnTerminal(): Progress | undefined {
  const { TERM } = process.env;
  if (!isatty(2) || !TERM || TERM === 'dumb') return undefined;
  const all = new Set<Followed>();
  let during = 0;
  let timer: NodeJS.Timeout | undefined;
  let isShown = false;

  // The cursor stays at the beginning of the line: when the window gets narrower than the line, and the
  // terminal wraps it, what is cleared from there is all of it.
  const clear = () => {
    if (isShown) writeStderr('\r\x1b[J');
    isShown = false;
  };
  const draw = () => {
    const now = Date.now();
    for (const one of all) if (one.advance().done) one.counting ??= now - INTERVAL;
    const due = [...all].filter(({ since }) => now - since >= PATIENCE);
    const latest = due.at(-1);
    if (!latest || during === 0 || isAsking() || !isInForeground()) return clear();
    const { what, since, counting = since } = latest;
    const times = { elapsed: now - since, counting: now - counting };
    const line = renderProgress(what, latest.advance(), times, process.stderr.columns || 80);
    writeStderr(`\r\x1b[J${line}\r`);
    isShown = true;
  };
  const watch = () => {
    if (all.size > 0 && during > 0) {
      clearBeforeQuestions(clear);
      timer ??= setInterval(draw, INTERVAL).unref();
      return;
    }
    clearInterval(timer);
    timer = undefined;
    clear();
  };
  const follow = (what: string, advance: () => Advance) => {
    const one: Followed = { what: withoutControls(what), since: Date.now(), advance };
    all.add(one);
    watch();
    return () => {
      all.delete(one);
      watch();
      // What lasted is not to stay there until the next look.
      if (isShown) draw();
    };
  };
  process.stderr.on('resize', () => isShown && draw());

  return {
    loggerOver: ({ warn, debug }) => ({
      warn(message) {
        clear();
        warn(message);
      },
      debug(message) {
        clear();
        debug(message);
      },
      follow,
    }),
    async during(what, work) {
      during += 1;
      const end = follow(what, () => ({}));
      try {
        return await work();
      } finally {
        during -= 1;
        end();
      }
    },
  };
}

/** The same session, whose steps are shown while they last. What it runs on the terminal is not. */
export function followSession(session: Session, progress: Progress): Session {
  return {
    get isOpen() {
      return session.isOpen;
    },
    capabilities: () => session.capabilities(),
    open: (signal) => progress.during('opening the testbed', () => session.open(signal)),
    revert: (signal) => progress.during('reverting the testbed', () => session.revert(signal)),
    reboot: (prepareOnly, signal) =>
      progress.during('rebooting the testbed', () => session.reboot(prepareOnly, signal)),
    close: (failed) => progress.during('taking the testbed away', () => session.close(failed)),
    copyDown: (words, signal) => progress.during('copying', () => session.copyDown(words, signal)),
    copyUp: (words, signal) => progress.during('copying', () => session.copyUp(words, signal)),
    auxverb: () => session.auxverb(),
    execute: (request, signal) => session.execute(request, signal),
    shell: (directory, environment, signal) => session.shell(directory, environment, signal),
    debugFailure: () => session.debugFailure(),
  };
}

/** False where another job of the shell has the terminal, so that nothing is written over it. */
function isInForeground(): boolean {
  // proc_pid_stat(5): state, ppid, pgrp, session, tty_nr, tpgid
  const [, , group, , , foreground] = readFileSync('/proc/self/stat', 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return group === foreground;
}
