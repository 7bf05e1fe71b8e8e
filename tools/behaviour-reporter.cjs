const { writeFileSync } = require("node:fs");
const { Runner } = require("mocha");

const { EVENT_RUN_END, EVENT_SUITE_BEGIN, EVENT_SUITE_END, EVENT_TEST_PASS } = Runner.constants;

/** Writes the tree of titles, as `{ title, tests, suites }`, as JSON to the file that ASSAY_TEST_TREE names. */
class BehaviourReporter {
  constructor(runner) {
    const top = { title: "", tests: [], suites: [] };
    const path = [top];
    /** Suites with the same title are one suite, also from several files. */
    const enter = (title) => {
      const parent = path.at(-1);
      const known = parent.suites.find((suite) => suite.title === title);
      const suite = known ?? { title, tests: [], suites: [] };
      if (known === undefined) parent.suites.push(suite);
      path.push(suite);
    };
    runner
      .on(EVENT_SUITE_BEGIN, (suite) => suite.root || enter(suite.title))
      .on(EVENT_SUITE_END, (suite) => suite.root || path.pop())
      .on(EVENT_TEST_PASS, (test) => path.at(-1).tests.push(test.title))
      .once(EVENT_RUN_END, () => writeFileSync(process.env.ASSAY_TEST_TREE, JSON.stringify(top)));
  }
}

module.exports = BehaviourReporter;
