// Mocha's list, and each event as a line of JSON in the file that REGIME_TEST_EVENTS names: so the
// runner knows how far a file came even if it was killed.
'use strict';

const { appendFileSync } = require('node:fs');
const Mocha = require('mocha');

const { EVENT_TEST_BEGIN, EVENT_TEST_PASS, EVENT_TEST_FAIL, EVENT_TEST_PENDING, EVENT_RUN_END } =
  Mocha.Runner.constants;

class EventReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const write = (event, test) => {
      const title = test?.fullTitle();
      appendFileSync(process.env.REGIME_TEST_EVENTS, `${JSON.stringify({ event, title })}\n`);
    };
    runner.on(EVENT_TEST_BEGIN, (test) => write('start', test));
    runner.on(EVENT_TEST_PASS, (test) => write('pass', test));
    runner.on(EVENT_TEST_FAIL, (test) => write('fail', test));
    runner.on(EVENT_TEST_PENDING, (test) => write('pending', test));
    runner.on(EVENT_RUN_END, () => write('end'));
  }
}

module.exports = EventReporter;
