import { expect } from "chai";
import { Interface } from "ethers";

import { isAssayError } from "../../../runner/errors.ts";
import { ENUMS, finalityOf, requestStatusOf } from "../../../runner/protocol/enums.ts";
import { nameOf } from "../../../runner/protocol/name-of.ts";
import { decodeRevert, revertText } from "../../../runner/protocol/revert.ts";

const ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const encoded = (fragment: string, args: readonly unknown[]): string =>
  new Interface([`error ${fragment}`]).encodeErrorResult(fragment.split("(")[0] ?? "", args);
const text = (data: string): string | undefined => {
  const revert = decodeRevert(data);
  return revert === undefined ? undefined : revertText(revert);
};

describe("decodeRevert", () => {
  const cases: Readonly<Record<string, readonly [string, string]>> = {
    "a custom error with an address": [
      encoded("RegistryNotPublisher(address,address)", [ADDRESS, ADDRESS]),
      `RegistryNotPublisher(${ADDRESS}, ${ADDRESS})`,
    ],
    "the code of an enum by its name": [
      encoded("StakingStatusForbids(address,uint8)", [ADDRESS, 3]),
      `StakingStatusForbids(${ADDRESS}, tombstoned)`,
    ],
    "an error without arguments": [encoded("MarketCourtMissing()", []), "MarketCourtMissing()"],
    "an error of the token": [
      encoded("ERC20InsufficientBalance(address,uint256,uint256)", [ADDRESS, 1, 2]),
      `ERC20InsufficientBalance(${ADDRESS}, 1, 2)`,
    ],
    "a reason in words": [encoded("Error(string)", ["no, thanks"]), "Error(no, thanks)"],
    "a panic": [encoded("Panic(uint256)", [17]), "Panic(17)"],
  };
  for (const [name, [data, expected]] of Object.entries(cases)) {
    it(`gives ${name}`, () => {
      expect(text(data)).to.equal(expected);
    });
  }

  it("gives nothing for an error that no contract of the suite has, and for what is not revert data", () => {
    const data = [
      "0x",
      "0x12345678",
      "0x1234",
      "nothing",
      encoded("StakingStatusForbids(address,uint8)", [ADDRESS, 3]).slice(0, 20),
    ];
    expect(data.map(text)).to.deep.equal(data.map(() => undefined));
  });

  it("gives nothing for a code that the error's enum does not have", () => {
    expect(text(encoded("StakingStatusForbids(address,uint8)", [ADDRESS, 9]))).to.equal(undefined);
  });
});

describe("an enum of the contracts", () => {
  it("gives a name for each of its codes, and its codes count from zero", () => {
    for (const [what, codes] of Object.entries(ENUMS)) {
      Object.entries(codes).forEach(([name, code], i) => {
        expect([code, nameOf(what, codes, code)]).to.deep.equal([BigInt(i), name]);
      });
    }
    expect([requestStatusOf(9n), finalityOf(4)]).to.deep.equal(["convicted", "final"]);
  });

  for (const code of [10n, -1, 1.5]) {
    it(`refuses the code ${String(code)} that it does not have`, () => {
      try {
        requestStatusOf(code);
        expect.fail("it gave a name");
      } catch (error) {
        if (!isAssayError(error, "OUT_OF_RANGE")) throw error;
        expect(error.details).to.deep.equal({ name: "RequestStatus", value: code, range: "0 to 9" });
      }
    });
  }
});
