import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { PLANTED } from "../../tools/planted/bugs.ts";

const CONTRACTS = fileURLToPath(new URL("../../contracts", import.meta.url));

describe("Planted bugs", () => {
  const files = readdirSync(CONTRACTS, { recursive: true, encoding: "utf8" });

  for (const { name, contract, original, replacement } of PLANTED) {
    it(`"${name}" changes a text that stands in ${contract} once`, () => {
      const [file = "", ...others] = files.filter((path) => path.replaceAll("\\", "/").endsWith(`/${contract}.sol`));
      expect(others).to.deep.equal([]);
      expect(readFileSync(join(CONTRACTS, file), "utf8").split(original)).to.have.length(2);
      expect(replacement).not.to.equal(original);
    });
  }
});
