import { expect } from "chai";

import { isAssayError } from "../../runner/errors.ts";
import { describeError } from "../../services/environment/describe.ts";
import { OPTIONS, refuseUnknownOptions } from "../../services/environment/options.ts";
import { helpOf } from "../../services/environment/run.ts";

describe("The options of scripts", () => {
  const misspelt = {
    ASSAY_ACOUNT: "ASSAY_ACCOUNT",
    ASSAY_MODELL: "ASSAY_MODEL",
    ASSAY_STAKES: "ASSAY_STAKE",
    ASSAY_STROE: "ASSAY_STORE",
  } as const;
  for (const [name, nearest] of Object.entries(misspelt)) {
    it(`${name} is refused, and ${nearest} is proposed`, () => {
      try {
        refuseUnknownOptions({ PATH: "/bin", ASSAY_FEE: "1", [name]: "4" });
        expect.fail("it was accepted");
      } catch (error) {
        if (!isAssayError(error, "OPTION_INVALID")) throw error;
        const remedy = `no script reads ${name}; did you mean ${nearest}?`;
        expect(error.details).to.deep.equal({ name, value: "4", remedy });
        expect(describeError(error)).to.equal(`error OPTION_INVALID: ${remedy}`);
      }
    });
  }

  it("those that are known are accepted, and so is what is not for scripts", () => {
    refuseUnknownOptions(Object.fromEntries([...Object.keys(OPTIONS), "PATH", "ASSAYER"].map((name) => [name, "1"])));
  });

  it("are what a script's help is made of", () => {
    const help = helpOf({ about: "Stakes.", example: "stake", options: ["ASSAY_STAKE", "ASSAY_ACCOUNT"] });
    expect(help).to.include(OPTIONS.ASSAY_STAKE).and.to.include(OPTIONS.ASSAY_ACCOUNT);
    expect(help).not.to.include("ASSAY_FEE");
  });
});

describe("describeError", () => {
  it("gives a stack only for mistakes of the program", () => {
    expect(describeError(new TypeError("x is not a function"))).to.match(/\n +at /);
    expect(describeError(new Error("the network is down"))).to.equal("the network is down");
    expect(describeError("text")).to.equal("text");
  });

  it("says why nothing could be fetched, not that nothing was", async () => {
    const failed: unknown = await fetch("http://127.0.0.1:3").catch((error: unknown) => error);
    expect(describeError(failed)).to.equal("connect ECONNREFUSED 127.0.0.1:3");
    const several = new TypeError("fetch failed", { cause: Object.assign(new Error(""), { code: "ECONNREFUSED" }) });
    expect(describeError(several)).to.equal("ECONNREFUSED");
  });

  it("finds the data of a revert wherever they are, and shows those of unknown errors", () => {
    const panic = `0x4e487b71${"11".padStart(64, "0")}`;
    const errors = [
      Object.assign(new Error("reverted"), { data: panic }),
      Object.assign(new Error("reverted"), { data: { message: "reverted", data: panic } }),
      Object.assign(new Error("reverted"), { info: { error: { data: panic } } }),
      new Error("outer", { cause: Object.assign(new Error("inner"), { data: panic }) }),
    ];
    expect(errors.map(describeError)).to.deep.equal(errors.map(() => "the contract refused: Panic(17)"));
    const unknown = Object.assign(new Error("reverted"), { data: "0x12345678" });
    expect(describeError(unknown)).to.equal("the contract refused: an unknown error (0x12345678)");
  });
});
