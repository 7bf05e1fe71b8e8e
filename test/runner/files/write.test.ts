import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

import { expect } from "chai";

import { writeFileAtomic } from "../../../runner/files/write.ts";
import { expectError, useFolder } from "./support.ts";

describe("writeFileAtomic", () => {
  const folder = useFolder();

  it("writes the file, makes its folder, and leaves nothing else", () => {
    writeFileAtomic(folder.path("deep/er/file"), "text");
    expect(readFileSync(folder.path("deep/er/file"), "utf8")).to.equal("text");
    expect(readdirSync(folder.path("deep/er"))).to.deep.equal(["file"]);
  });

  it("replaces an older file", () => {
    folder.put("file", "old");
    writeFileAtomic(folder.path("file"), Uint8Array.of(1, 2));
    expect([...readFileSync(folder.path("file"))]).to.deep.equal([1, 2]);
  });

  it("leaves no temporary file when it fails", () => {
    mkdirSync(folder.path("taken"));
    writeFileSync(folder.path("taken/inside"), "");
    expectError("FILE_UNWRITABLE", /taken cannot be written/, () => writeFileAtomic(folder.path("taken"), "text"));
    expect(readdirSync(folder.path(""))).to.deep.equal(["taken"]);
  });
});
