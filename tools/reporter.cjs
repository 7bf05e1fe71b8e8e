const { writeFileSync } = require("node:fs");
const { reporters } = require("mocha");

/** Mocha's `spec` report; also writes the counts as JSON to the file that ASSAY_TEST_SUMMARY names. */
class SummaryReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const file = process.env.ASSAY_TEST_SUMMARY;
    if (file === undefined) return;
    runner.once("end", () => {
      const { passes, failures } = this.stats;
      writeFileSync(file, JSON.stringify({ passed: passes, failed: failures }));
    });
  }
}

module.exports = SummaryReporter;
