import { expect } from "chai";
import solc from "solc";

import { mutantsOf, mutate } from "../../tools/mutation/mutants.ts";

const compiler: { readonly compile: (input: string) => string } = solc;

/** A file with a contract of this body, and its syntax tree. */
const treeOf = (body: string, { before = "", base = "" } = {}): { readonly source: string; readonly tree: unknown } => {
  const source = `// SPDX-License-Identifier: MIT\npragma solidity 0.8.37;\n${before}contract Sample${base} {\n${body}\n}\n`;
  const settings = { outputSelection: { "*": { "": ["ast"] } } };
  const input = { language: "Solidity", sources: { "Sample.sol": { content: source } }, settings };
  const output = JSON.parse(compiler.compile(JSON.stringify(input))) as {
    readonly errors?: readonly { readonly severity: string; readonly message: string }[];
    readonly sources: { readonly "Sample.sol": { readonly ast: unknown } };
  };
  const wrong = output.errors?.find(({ severity }) => severity === "error");
  if (wrong !== undefined) throw new Error(wrong.message);
  return { source, tree: output.sources["Sample.sol"].ast };
};

/** Changes as "operator: original → replacement". */
const changesOf = (body: string, around = {}): string[] => {
  const { source, tree } = treeOf(body, around);
  return mutantsOf(source, tree).map(
    ({ operator, original, replacement }) => `${operator}: ${original} → ${replacement}`,
  );
};

const inFunction = (body: string): string[] =>
  changesOf(`uint256 x; event E(); error X(); function f(uint256 a, bool b) external { ${body} }`);

describe("Mutants of a contract", () => {
  describe("given an expression", () => {
    it("have another relation: with and without equality, and turned round", () => {
      expect(inFunction("x = a < x ? a : x;")).to.include.members(["relation: < → <=", "relation: < → >="]);
      expect(inFunction("b = a == x;")).to.include("relation: == → !=");
    });
    it("calculate otherwise, also in assignments", () => {
      expect(inFunction("x += a * (x - a);")).to.include.members([
        "arithmetic: += → -=",
        "arithmetic: * → /",
        "arithmetic: - → +",
      ]);
    });
    it("join conditions otherwise, or do not negate", () => {
      expect(inFunction("b = !b && (b || true);")).to.include.members([
        "logic: && → ||",
        "logic: || → &&",
        "logic: !b → b",
        "logic: true → false",
      ]);
    });
    it("have the next number or zero, in the same unit; addresses are none", () => {
      expect(inFunction("x = 10_000;")).to.include.members(["number: 10_000 → 10001", "number: 10_000 → 0"]);
      expect(inFunction("x = 3 days;")).to.include.members(["number: 3 → 4", "number: 3 → 0"]);
      expect(inFunction("x = 0;")).to.include("number: 0 → 1");
      expect(inFunction("address(0x000000000000000000000000000000000000dEaD);").join()).not.to.include("number");
    });
    it("choose the other branch", () => {
      expect(inFunction("x = b ? a : x;")).to.include("choice: a : x → x : a");
    });
  });

  describe("given a statement", () => {
    it("always or never take a branch", () => {
      expect(inFunction("if (a > 1) revert X();")).to.include.members([
        "branch: a > 1 → true",
        "branch: a > 1 → false",
      ]);
    });
    it("lack assignments, calls, events, deletions and checks, each with its semicolon", () => {
      expect(inFunction("x = a; this.f(a, b); emit E(); delete x; require(b, X());")).to.include.members([
        "statement: x = a; → {}",
        "statement: this.f(a, b); → {}",
        "statement: emit E(); → {}",
        "statement: delete x; → {}",
        "check: require(b, X()); → {}",
      ]);
    });
    it("keep the head of a loop, or it would not end", () => {
      expect(inFunction("for (x = a; b; ++a) {}").filter((change) => change.startsWith("statement"))).to.deep.equal([]);
    });
  });

  describe("given a declaration", () => {
    it("lack modifiers, but keep the constructors of bases", () => {
      const changes = changesOf("modifier only() { _; } function f() external only {}\nconstructor() Base(1) {}", {
        before: "contract Base { constructor(uint256) {} }\n",
        base: " is Base",
      });
      expect(changes.filter((change) => change.startsWith("modifier"))).to.deep.equal(["modifier: only → "]);
    });
    it("have other constants; types and events stay", () => {
      const changes = changesOf("uint8 constant A = type(uint8).max; uint8[4] b; event E(uint8[4] c);");
      expect(changes).to.deep.equal(["constant: type(uint8).max → 0"]);
    });
  });

  describe("given assembly", () => {
    it("have other instructions and numbers", () => {
      expect(inFunction("assembly { a := add(a, 0x20) }")).to.include.members([
        "assembly: add → sub",
        "assembly: 0x20 → 33",
        "assembly: 0x20 → 0",
      ]);
    });
  });

  it("stand at the bytes and lines of the source, also behind letters of several bytes", () => {
    const { source, tree } = treeOf("// é → ü\nfunction f(uint256 a) external pure returns (bool) { return a < 5; }");
    const mutant = mutantsOf(source, tree).find(({ replacement }) => replacement === "<=");
    if (mutant === undefined) throw new Error("no such mutant");
    expect(mutant.line).to.equal(5);
    expect(mutate(source, mutant)).to.equal(source.replace("a < 5", "a <= 5"));
  });
});
