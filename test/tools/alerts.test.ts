import { existsSync, readFileSync } from "node:fs";

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

  it("the dashboard shows metrics that a node has, each of them somewhere", async () => {
    const { registry } = new Metrics();
    const known = (await registry.getMetricsAsJSON()).map((metric) => metric.name);
    const { panels } = JSON.parse(readFileSync("ops/grafana/dashboard.json", "utf8")) as {
      readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
    };
    const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    const shown = expressions.flatMap((expr) =>
      [...expr.matchAll(/assay_\w+?(?=_bucket\b|\b)/g)].map(([name]) => name),
    );
    expect([...new Set(shown)].sort()).to.deep.equal([...known].sort());
  });

  it("every file that Docker Compose mounts is there", () => {
    const compose = readFileSync("ops/docker-compose.yml", "utf8");
    const mounted = [...compose.matchAll(/\.\/([\w./]+):\//g)].map(([, path = ""]) => path);
    expect(mounted).to.include("alerts.yml");
    // The owner brings its own configurations and keys.
    for (const path of mounted.filter((each) => each !== "config"))
      expect(existsSync(`ops/${path}`), path).to.equal(true);
  });

  it("every runbook is of an alert", () => {
    const sections = [...runbooks.matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
    expect(sections).to.deep.equal(alerts.map(({ name }) => name));
  });
});
