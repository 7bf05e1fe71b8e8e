import { appendFileSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { prepareProgram } from "../../../runner/backends/backend.ts";
import { wasm, wasmOn } from "../../../runner/backends/wasm/wasm.ts";
import { commitModel } from "../../../runner/commitment/model.ts";
import { isAssayError } from "../../../runner/errors.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { createTensor, type Tensor, tensorBytes } from "../../../runner/machine/tensor.ts";
import { decodeModel } from "../../../runner/onnx/file/decode.ts";
import { cloneOfTensor, tensorOfClone } from "../../../runner/storage/stored.ts";
import { importModel, type Model } from "../../../runner/onnx/index.ts";
import { encode, f32, i64, rawNode, rawTensor, valueInfo } from "../../../testing/onnx-model.ts";

const [ROWS, COLUMNS] = [600, 700];

/** Floats of all kinds, not-a-number with a payload among them. */
const weights = (rows: number, columns: number, seed: number): Uint8Array => {
  const random = createRandom(seed);
  const words = Uint32Array.from({ length: rows * columns }, () => 0x3d000000 + random.below(2 ** 24));
  words[5] = 0x7f812345;
  return new Uint8Array(words.buffer);
};

const tensor = (name: string, dims: readonly number[], raw: Uint8Array): object => ({
  name,
  dims,
  data_type: 1,
  raw_data: raw,
});

/** Looks rows up in a table, multiplies them with a matrix and with the table turned round. */
const graph = (table = tensor("table", [ROWS, COLUMNS], weights(ROWS, COLUMNS, 1))): object => ({
  node: [
    { op: "Gather", in: ["table", "rows"], out: ["x"] },
    { op: "MatMul", in: ["x", "matrix"], out: ["h"] },
    { op: "Transpose", in: ["table"], out: ["turned"] },
    { op: "MatMul", in: ["h", "turned"], out: ["y"] },
    { op: "Add", in: ["y", "small"], out: ["z"] },
  ].map(rawNode),
  initializer: [
    table,
    rawTensor("small", f32([1], [1])),
    tensor("matrix", [COLUMNS, COLUMNS], weights(COLUMNS, COLUMNS, 2)),
  ],
  input: [valueInfo("rows", i64([3]))],
  output: [{ name: "z" }],
});

const file = (fields: object = { graph: graph() }): Uint8Array =>
  encode("ModelProto", { ir_version: 8, opset_import: [{ domain: "", version: 17 }], ...fields });

/** A length-delimited field of protobuf. */
const field = (number: number, bytes: Uint8Array): Uint8Array => {
  const varint: number[] = [];
  let rest = bytes.length;
  for (; rest >= 128; rest = Math.floor(rest / 128)) varint.push((rest % 128) + 128);
  return Uint8Array.from([8 * number + 2, ...varint, rest, ...bytes]);
};

const concat = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);

describe("a model file with large tensors", () => {
  let folder = "";
  let path = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-stored-"));
  });
  beforeEach(() => {
    path = join(folder, "model.onnx");
    rmSync(path, { force: true });
  });
  after(() => rmSync(folder, { recursive: true }));

  const written = (bytes: Uint8Array = file()): Model => {
    writeFileSync(path, bytes);
    return importModel(path);
  };
  const stored = (model: Model): number => model.constants.filter((each) => each.stored !== undefined).length;
  const rows = (): Tensor => {
    const made = createTensor("i64", 3);
    made.data.set([5n, 599n, 0n] as never);
    return made;
  };
  const bytesOf = (model: Model): readonly Uint8Array[] => model.constants.map((each) => tensorBytes(each).slice());
  const codeOf = (act: () => unknown): unknown => {
    try {
      return act();
    } catch (error) {
      return isAssayError(error) ? [error.code, error.message] : error;
    }
  };

  it("is imported without its data, and is the same model as from its bytes", async () => {
    const [lazy, eager] = [written(), importModel(file())];
    expect(stored(lazy)).to.equal(eager.constants.length - 1);
    expect(stored(eager)).to.equal(0);
    expect(lazy.program).to.deep.equal(eager.program);
    const commitments = [lazy, eager].map(({ program, constants }) => commitModel(program, constants));
    const [ours, wanted] = await Promise.all(commitments);
    expect(ours?.commitment).to.equal(wanted?.commitment);
    expect(bytesOf(lazy)).to.deep.equal(bytesOf(eager));
    for (const backend of [wasm, wasmOn(2)]) {
      const [made, same] = await Promise.all(
        [lazy, eager].map(({ program, constants }) => prepareProgram(program, backend).infer([rows()], constants)),
      );
      expect(made).to.deep.equal(same);
    }
  });

  it("gives a thread of the process the same tensors, in the file's order and in another", () => {
    const model = written();
    const clones = structuredClone(model.constants.map(cloneOfTensor)).map(tensorOfClone);
    expect(clones.filter((each) => each.stored !== undefined).length).to.equal(stored(model));
    expect(clones.map((each) => tensorBytes(each).slice())).to.deep.equal(bytesOf(model));
  });

  it("may be renamed, replaced and deleted while the model is used", () => {
    const model = written();
    const before = bytesOf(importModel(file()));
    renameSync(path, `${path}.old`);
    writeFileSync(path, file({ graph: graph(tensor("table", [ROWS, COLUMNS], weights(ROWS, COLUMNS, 9))) }));
    rmSync(`${path}.old`);
    expect(bytesOf(model)).to.deep.equal(before);
  });

  it("must not be written into: no weights of another content are ever used", async () => {
    for (const change of [
      () => appendFileSync(path, "x"),
      () => writeFileSync(path, file().subarray(0, 1000)),
      () => {
        writeFileSync(path, file());
        utimesSync(path, 1, 1);
      },
    ]) {
      const model = written();
      change();
      const error: unknown = await commitModel(model.program, model.constants).catch((reason: unknown) => reason);
      expect(isAssayError(error, "FILE_UNREADABLE"), String(error)).to.equal(true);
      const run = prepareProgram(model.program, wasm).infer([rows()], model.constants);
      const other: unknown = await run.catch((reason: unknown) => reason);
      expect(isAssayError(other, "FILE_UNREADABLE"), String(other)).to.equal(true);
      rmSync(path);
    }
  });

  it("is decoded whole where it is unusual: what a protobuf decoder sees is what counts", () => {
    const [first, second] = [weights(ROWS, COLUMNS, 3), weights(ROWS, COLUMNS, 4)];
    const header = encode("TensorProto", { name: "table", dims: [ROWS, COLUMNS], data_type: 1 });
    const table = concat(header, field(9, first), field(9, second));
    const others = encode("GraphProto", graph(rawTensor("unused", f32([1], [1]))));
    const doubled = file({ graph: undefined });
    const bytes = concat(doubled, field(7, concat(others, field(5, table))));
    const [lazy, eager] = [written(bytes), importModel(bytes)];
    expect(bytesOf(lazy)).to.deep.equal(bytesOf(eager));
    rmSync(path);

    const padded = concat(new Uint8Array(2 ** 22).fill(0x78), file());
    expect(codeOf(() => bytesOf(written(padded)))).to.deep.equal(codeOf(() => bytesOf(importModel(padded))));
    rmSync(path);

    const twice = concat(file(), field(7, encode("GraphProto", graph())));
    expect(codeOf(() => stored(written(twice)))).to.deep.equal(codeOf(() => stored(importModel(twice))));
    rmSync(path);
  });

  it("is refused with the decoder's error where it is cut, or has bytes that are no field", () => {
    const whole = file();
    for (const bytes of [
      whole.subarray(0, whole.length - 1),
      whole.subarray(0, 2 ** 20 + 7),
      concat(whole, Uint8Array.of(0x0b)),
      concat(whole, Uint8Array.of(0x00, 0x00)),
      concat(whole, Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)),
      concat(Uint8Array.of(0xff, 0xff), new Uint8Array(2 ** 20)),
    ]) {
      const wanted = codeOf(() => decodeModel(bytes));
      const expected = Array.isArray(wanted) ? wanted : "a model";
      const actual = codeOf(() => written(bytes));
      expect(Array.isArray(actual) ? actual : "a model").to.deep.equal(expected);
      rmSync(path, { force: true });
    }
  });

  it("has a tensor refused whose data are not as long as its dimensions say", () => {
    const wrong = graph(tensor("table", [ROWS, COLUMNS + 1], weights(ROWS, COLUMNS, 1)));
    const error = codeOf(() => written(file({ graph: wrong })));
    expect(error).to.deep.equal(codeOf(() => importModel(file({ graph: wrong }))));
    expect(String(error)).to.contain("ONNX_MALFORMED");
  });

  it("is refused where it is missing, or a folder", () => {
    for (const place of [join(folder, "nothing.onnx"), folder]) {
      expect(String(codeOf(() => importModel(place)))).to.contain("FILE_UNREADABLE");
    }
  });
});
