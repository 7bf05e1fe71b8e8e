import { readFileSync } from "node:fs";

import { expect } from "chai";

import { Metrics } from "../../services/node/metrics.ts";

const rules = readFileSync("ops/alerts.yml", "utf8");
const runbooks = readFileSync("docs/runbooks.md", "utf8");
const alerts = [...rules.matchAll(/- alert: (\w+)\n\s+expr: (.+)/g)].map(([, name = "", expression = ""]) => ({
  name,
  expression,
}));

describe("Alerts", () => {
  it("there are some", () => {
    expect(alerts.length).to.be.greaterThan(5);
  });

  for (const { name, expression } of alerts) {
    it(`${name} has a runbook that says what it means, what to do and who is harmed`, () => {
      const section = runbooks.split(/^## /m).find((part) => part.startsWith(`${name}\n`)) ?? "";
      for (const heading of ["**Means**", "**Do**", "**Harmed meanwhile**"]) expect(section).to.include(heading);
    });

    it(`${name} goes by metrics that a node has`, async () => {
      const { registry } = new Metrics();
      const known = new Set((await registry.getMetricsAsJSON()).map((metric) => metric.name));
      for (const [metric] of expression.matchAll(/assay_\w+/g)) expect(known).to.include(metric);
    });
  }

  it("every runbook is of an alert", () => {
    const sections = [...runbooks.matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
    expect(sections).to.deep.equal(alerts.map(({ name }) => name));
  });
});
