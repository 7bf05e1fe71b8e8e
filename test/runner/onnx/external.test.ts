import { expect } from "chai";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAssayError } from "../../../runner/errors.ts";
import { importModel, type Model } from "../../../runner/onnx/index.ts";
import { encode } from "../../../testing/onnx-model.ts";

const modelWith = (entries: Readonly<Record<string, string>>): Uint8Array =>
  encode("ModelProto", {
    opset_import: [{ version: 17 }],
    graph: {
      initializer: [
        {
          name: "w",
          dims: [2],
          data_type: 1,
          data_location: 1,
          external_data: Object.entries(entries).map(([key, value]) => ({ key, value })),
        },
      ],
      node: [{ op_type: "Identity", input: ["w"], output: ["y"] }],
      output: [{ name: "y" }],
    },
  });

describe("external data", () => {
  let root = "";
  let folder = "";
  before(() => {
    root = mkdtempSync(join(tmpdir(), "assay-onnx-"));
    folder = join(root, "model");
    mkdirSync(folder);
    writeFileSync(join(folder, "weights.bin"), new Uint8Array(new Float32Array([9, 1.5, -2]).buffer));
    writeFileSync(join(root, "secret.bin"), new Uint8Array(8));
    symlinkSync(join(root, "secret.bin"), join(folder, "link.bin"));
  });
  after(() => rmSync(root, { recursive: true }));

  const load = (entries: Readonly<Record<string, string>>): Model => {
    const path = join(folder, "model.onnx");
    writeFileSync(path, modelWith(entries));
    return importModel(path);
  };
  const refused = (entries: Readonly<Record<string, string>>): void => {
    let caught: unknown;
    try {
      load(entries);
    } catch (error) {
      caught = error;
    }
    expect(isAssayError(caught, "ONNX_EXTERNAL_DATA"), String(caught)).to.equal(true);
  };

  it("is read from the model's folder at its offset", () => {
    const model = load({ location: "weights.bin", offset: "4", length: "8" });
    expect([...(model.constants[0]?.data ?? [])]).to.deep.equal([1.5, -2]);
  });
  it("is refused where a file is missing", () => refused({ location: "nothing.bin" }));
  it("is refused outside the folder by ..", () => refused({ location: "../secret.bin" }));
  it("is refused outside the folder by an absolute path", () => refused({ location: join(root, "secret.bin") }));
  it("is refused outside the folder by a symbolic link", () => refused({ location: "link.bin" }));
  it("is refused where the file is too short", () => refused({ location: "weights.bin", offset: "8" }));
  it("is refused where the length is not the tensor's", () => refused({ location: "weights.bin", length: "4" }));
  it("is refused with a negative offset", () => refused({ location: "weights.bin", offset: "-4" }));
  it("is refused where the location is a folder", () => refused({ location: "." }));
});
