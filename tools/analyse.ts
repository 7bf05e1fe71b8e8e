/**
 * Static analysis: solhint's security rules on all contracts that are deployed, and solc's model checker on what must hold of
 * money arithmetic (tools/analysis/Money.sol). Writes what it found for docs/assurance.md. `npm run analyse`.
 * Exits 1 at a finding that nobody explained, and at a statement that was not proved.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import solc from "solc";

import { EXPLAINED } from "./analysis/explained.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MONEY = "tools/analysis/Money.sol";
const FOUND = join(ROOT, "tools", "analysis", "found.json");
const MOST_OUTPUT = 2 ** 26;

interface Finding {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
}

/** What solhint says; it exits 0 for warnings. */
function hints(): readonly Finding[] {
  const options = ["--config", "tools/analysis/solhint.json", "--disc", "--noPoster", "-f", "unix"];
  const output = execFileSync(
    process.execPath,
    [join(ROOT, "node_modules/solhint/solhint.js"), ...options, "contracts/**/*.sol"],
    { cwd: ROOT, encoding: "utf8", maxBuffer: MOST_OUTPUT, stdio: ["ignore", "pipe", "inherit"] },
  );
  const lines = [...output.matchAll(/^(?:.*\/)?(contracts\/[^:]+):(\d+):\d+: .*\[\w+\/([\w-]+)\]$/gm)];
  return lines
    .map(([, file = "", line = "", rule = ""]) => ({ file, line: Number(line), rule }))
    .filter(({ file }) => !file.startsWith("contracts/mocks/"));
}

interface Compiler {
  readonly compile: (input: string, callbacks: { readonly import: (path: string) => { contents: string } }) => string;
}
interface Output {
  readonly errors?: readonly {
    readonly severity: string;
    readonly message: string;
    readonly formattedMessage: string;
  }[];
}

/** A statement of Money.sol, and whether the model checker proved it. */
interface Statement {
  readonly statement: string;
  readonly proved: boolean;
}

/** What the model checker says of every assertion. */
function statements(): readonly Statement[] {
  const compiler: Compiler = solc;
  const content = readFileSync(join(ROOT, MONEY), "utf8");
  const modelChecker = {
    ...{ engine: "bmc", targets: ["assert"], solvers: ["z3"], showProvedSafe: true, showUnproved: true },
    contracts: { [MONEY]: ["LedgerClaims", "ShareClaims"] },
  };
  const settings = { evmVersion: "osaka", outputSelection: { "*": { "*": ["abi"] } }, modelChecker };
  const input = { language: "Solidity", sources: { [MONEY]: { content } }, settings };
  const read = (path: string): { contents: string } => ({
    contents: readFileSync(join(ROOT, path.startsWith("@") ? "node_modules" : "", path), "utf8"),
  });
  const { errors = [] } = JSON.parse(compiler.compile(JSON.stringify(input), { import: read })) as Output;
  for (const { severity, formattedMessage } of errors) if (severity === "error") throw new Error(formattedMessage);
  const proved = new Set(
    errors
      .filter(({ message }) => message.includes("Assertion violation check is safe"))
      .map(({ formattedMessage }) => Number(/Money\.sol:(\d+):/.exec(formattedMessage)?.[1])),
  );
  return content.split("\n").flatMap((text, i) => {
    const [, statement] = /^\s*assert\((.*)\);$/.exec(text) ?? [];
    return statement === undefined ? [] : [{ statement, proved: proved.has(i + 1) }];
  });
}

const findings = hints();
const explanation = ({ rule, file }: Finding): string | undefined =>
  EXPLAINED.find((it) => it.rule === rule && file.startsWith(it.under))?.reason;
for (const finding of findings) {
  console.log(`${finding.file}:${String(finding.line)} ${finding.rule}: ${explanation(finding) ?? "NOT EXPLAINED"}`);
}
const open = findings.filter((finding) => explanation(finding) === undefined);
const money = statements();
for (const { statement, proved } of money) console.log(`${proved ? "proved" : "NOT PROVED"}: ${statement}`);
const unproved = money.filter(({ proved }) => !proved);
const counts = EXPLAINED.map(({ rule, under, reason }) => ({
  ...{ rule, under, reason, findings: findings.filter((it) => it.rule === rule && it.file.startsWith(under)).length },
}));
writeFileSync(FOUND, `${JSON.stringify({ counts, unexplained: open, money }, undefined, 2)}\n`);
console.log(
  `${String(findings.length)} findings, ${String(open.length)} not explained; ` +
    `${String(money.length - unproved.length)} of ${String(money.length)} statements proved`,
);
process.exitCode = open.length + unproved.length === 0 ? 0 : 1;
