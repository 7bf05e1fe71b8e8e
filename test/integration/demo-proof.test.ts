import { expect } from "chai";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { network } from "hardhat";

import { type ProofTale, runProofDemo } from "../../scripts/demo/proof.ts";

describe("the demo with --mode zk", () => {
  let tale: ProofTale;
  const lines: string[] = [];

  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), "assay-demo-test-"));
    const connection = await network.create();
    try {
      const print = (line = ""): unknown => lines.push(...line.split("\n"));
      tale = await runProofDemo(connection, folder, print, new AbortController().signal);
    } finally {
      await connection.close();
      await rm(folder, { recursive: true });
    }
  });

  it("makes a real digit final by the proof that the operator's service brought", () => {
    expect(tale.told).to.equal(tale.expected);
    expect(tale.final).to.equal(true);
    expect(tale.claimGas).to.be.greaterThan(200_000n);
  });
  it("refuses a forged answer", () => {
    expect(tale.refusal).to.equal("EvidenceRejected");
  });
  it("prints lines of at most 100 columns", () => {
    const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9]+m`, "g");
    expect(lines.filter((line) => line.replaceAll(escapes, "").length > 100)).to.deep.equal([]);
  });
});
