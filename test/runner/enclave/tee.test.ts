import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";
import { hexlify } from "ethers";

import { parseQuote } from "../../../runner/enclave/quote.ts";
import { syntheticQuote } from "../../../testing/enclave/quote.ts";
import { HAS_SAMPLES, INTEL_ROOT, SAMPLES as FOLDER } from "../../../testing/enclave/samples.ts";
import { assay, jsonOf } from "../cli/support.ts";
import { expectError, useFolder } from "../files/support.ts";

/** A test that needs the real quotes. */
const real = (title: string, test: () => Promise<void>): void => {
  it(title, async function () {
    if (!HAS_SAMPLES) this.skip();
    await test();
  });
};

describe("assay tee", () => {
  const folder = useFolder();

  describe("inspect", () => {
    real("says what the real quote of TDX says", async () => {
      const { exitCode, stdout } = await assay("tee", "inspect", join(FOLDER, "tdx_v4_quote.bin"));
      expect(exitCode).to.equal(0);
      expect(stdout).to.match(/quote +version 4, TDX\n/);
      // The same as QuoteVerifier reports on chain.
      expect(stdout).to.contain("0x4cacdefee3954c351a507871818eba29a7caa1834b54a16664b1984a79df7ed8");
      expect(stdout).to.match(/TEE_TCB_SVN +0x06010300000000000000000000000000\n/);
      expect(stdout).to.match(/bytes behind +70/);
    });
    real("says what the real quote of SGX says, as JSON", async () => {
      const json = jsonOf(await assay("tee", "inspect", join(FOLDER, "sgx_v3_quote.bin"), "--json"));
      expect(json).to.include({
        version: 3,
        tee: "SGX",
        isDebug: false,
        measurement: "0xfee5494604047992ebb2d6824873fc0e319fa14d99e961ab4d95627ffe1f3960",
      });
    });
    it("warns of one that can be debugged", async () => {
      const path = folder.put("debug.bin", syntheticQuote({ body: (b) => b.set([1], 120) }));
      expect((await assay("tee", "inspect", path)).stdout).to.contain("can be debugged: refused");
    });
    it("refuses what is no quote", async () => {
      const path = folder.put("none.bin", new Uint8Array(10));
      const { exitCode, stderr } = await assay("tee", "inspect", path);
      expect([exitCode, stderr.includes("FILE_MALFORMED")]).to.deep.equal([2, true]);
    });
  });

  describe("parseQuote", () => {
    it("reads every version, and its report data", () => {
      const reportData = Uint8Array.from({ length: 64 }, (_, i) => i);
      for (const changes of [{ version: 3 }, { version: 4 }, { version: 5, bodyType: 2 }, { version: 5 }] as const) {
        const quote = parseQuote(syntheticQuote({ ...changes, reportData }), "a");
        expect([quote.version, quote.reportData]).to.deep.equal([changes.version, hexlify(reportData)]);
        expect(quote.quotingEnclave).to.include({ productId: changes.version === 3 ? 1 : 2, isvSvn: 8 });
      }
    });
    it("refuses other versions, kinds, reports, certification data and sizes", () => {
      const refuses = (message: RegExp, version: 4 | 5, quote: (bytes: Uint8Array) => void) =>
        expectError("FILE_MALFORMED", message, () => parseQuote(syntheticQuote({ version, quote }), "a"));
      refuses(/version 6 of kind 129/, 4, (q) => q.set([6]));
      refuses(/a report of type 9/, 5, (q) => q.set([9], 48));
      refuses(/type 7 where 6 is needed/, 4, (q) => q.set([7], 764));
      refuses(/sizes that do not fit/, 4, (q) => q.set([0], 766));
    });
  });

  describe("collateral", () => {
    real("says what the real collateral contains, and that its signatures hold", async () => {
      const { exitCode, stdout } = await assay("tee", "collateral", FOLDER);
      expect(exitCode).to.equal(0);
      expect(stdout).to.contain("Intel SGX PCK Platform CA").and.to.contain("Intel SGX TCB Signing");
      expect(stdout).to.contain(`${INTEL_ROOT.x} ${INTEL_ROOT.y}`);
      expect(stdout).to.match(/TCB Info +TDX B0C06F000000\n/);
      expect(stdout).not.to.contain("DOES NOT HOLD");
    });
    real("exits with 1 when a signature does not hold", async () => {
      const text = readFileSync(join(FOLDER, "tdx_v4_collateral.json"), "utf8");
      const path = folder.put("changed.json", text.replace("UpToDate", "UpToDat3"));
      const { exitCode, stdout } = await assay("tee", "collateral", join(path, ".."));
      expect([exitCode, stdout.includes("DOES NOT HOLD")]).to.deep.equal([1, true]);
    });
    it("refuses a folder without collateral, and a file that is none", async () => {
      const nothing = await assay("tee", "collateral", folder.path("."));
      expect([nothing.exitCode, nothing.stderr.includes("FILE_UNREADABLE")]).to.deep.equal([2, true]);
      folder.put("a.json", "{}");
      const none = await assay("tee", "collateral", folder.path("."));
      expect([none.exitCode, none.stderr.includes("FILE_MALFORMED")]).to.deep.equal([2, true]);
      folder.put("a.json", "{");
      expect((await assay("tee", "collateral", folder.path("."))).exitCode).to.equal(2);
    });
  });
});
