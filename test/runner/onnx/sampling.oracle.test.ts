import { agrees, floats, integers, random } from "./agreement.ts";
import { f32, i64, type TestModel, type TestNode, type TestTensor } from "../../../testing/onnx-model.ts";

/* Operators that sample, place, count and choose agree with onnxruntime-web on every bit. */

interface Single {
  readonly op: string;
  readonly inputs: Readonly<Record<string, TestTensor>>;
  readonly constants?: Readonly<Record<string, TestTensor>>;
  readonly attributes?: NonNullable<TestNode["attributes"]>;
  readonly opset?: number;
  readonly outputs?: readonly string[];
}

/** One node; inputs come before constants. */
const single = ({ op, inputs, constants = {}, attributes = {}, opset = 20, outputs = ["y"] }: Single): TestModel => ({
  opset,
  inputs,
  constants,
  nodes: [{ op, in: [...Object.keys(inputs), ...Object.keys(constants)], out: outputs, attributes }],
  outputs,
});

const GRIDS = ["nearest", "linear", "cubic"].flatMap((mode) =>
  // Cubic with another padding is refused.
  (mode === "cubic" ? ["zeros"] : ["zeros", "border", "reflection"]).flatMap((padding) =>
    [0, 1].map((aligned) => ({ mode, padding, aligned })),
  ),
);

describe("GridSample", () => {
  for (const { mode, padding, aligned } of GRIDS) {
    it(`agrees with mode ${mode}, padding ${padding} and align_corners ${String(aligned)}`, async () => {
      const inputs = { x: floats([2, 3, 5, 7]), grid: floats([2, 4, 6, 2], 1.2) };
      await agrees(
        single({ op: "GridSample", inputs, attributes: { mode, padding_mode: padding, align_corners: aligned } }),
      );
    });
  }

  it("agrees in three dimensions", async () => {
    const inputs = { x: floats([1, 2, 3, 4, 5]), grid: floats([1, 2, 3, 4, 3]) };
    for (const mode of ["nearest", "linear"]) await agrees(single({ op: "GridSample", inputs, attributes: { mode } }));
  });
});

const values = (count: number, make: (i: number) => number): TestTensor =>
  f32(
    [count],
    Array.from({ length: count }, (_, i) => Math.fround(make(i))),
  );
const ofEverySize = (): number => (random() < 0.5 ? -1 : 1) * (1 + random()) * 2 ** Math.floor(random() * 270 - 140);

describe("Mod", () => {
  it("agrees on floats of every size, infinite ones, zeros and NaN among them", async () => {
    const special = [
      0,
      -0,
      Infinity,
      -Infinity,
      Number.NaN,
      1,
      -1,
      3.4e38,
      1.4e-45,
      -2.5,
      7.25,
      1.1754943508222875e-38,
    ];
    const pairs = special.flatMap((a) => special.map((b) => [a, b] as const));
    const all = [...pairs, ...Array.from({ length: 20_000 }, () => [ofEverySize(), ofEverySize()] as const)];
    const inputs = { x: values(all.length, (i) => all[i]?.[0] ?? 0), z: values(all.length, (i) => all[i]?.[1] ?? 0) };
    await agrees(single({ op: "Mod", inputs, attributes: { fmod: 1 } }));
  });
});

describe("ArgMax and ArgMin", () => {
  it("agree on an axis of many blocks, with equal elements in several", async () => {
    const inputs = { x: integers("i32", [2, 5000], 0, 2000), z: floats([4700, 3]) };
    const nodes = [
      { op: "ArgMax", in: ["x"], out: ["first"], attributes: { axis: 1 } },
      { op: "ArgMax", in: ["x"], out: ["last"], attributes: { axis: 1, select_last_index: 1 } },
      { op: "ArgMin", in: ["x"], out: ["least"], attributes: { axis: 1, keepdims: 0 } },
      { op: "ArgMin", in: ["z"], out: ["column"], attributes: { axis: 0 } },
      { op: "ArgMax", in: ["z"], out: ["top"], attributes: { axis: 0, select_last_index: 1 } },
    ];
    await agrees({ opset: 17, inputs, nodes, outputs: ["first", "last", "least", "column", "top"] });
  });
});

describe("operators on parts of tensors", () => {
  it("agree for CenterCropPad", async () => {
    const constants = { shape: i64([3], [6, 4, 9]) };
    await agrees(single({ op: "CenterCropPad", inputs: { x: floats([5, 7, 9]) }, constants }));
  });

  it("agree for Col2Im with pads, strides and dilations", async () => {
    const constants = { image: i64([2], [6, 7]), block: i64([2], [2, 3]) };
    const attributes = { pads: [1, 0, 1, 2], strides: [2, 1], dilations: [1, 2] };
    // (6 + 2 - 2) / 2 + 1 rows and (7 + 2 - 5) / 1 + 1 columns of windows.
    await agrees(single({ op: "Col2Im", inputs: { x: floats([2, 12, 20]) }, constants, attributes }));
  });
});

describe("operators whose data say the size of the result", () => {
  it("agree for NonZero and Unique", async () => {
    const x = integers("i64", [4, 5], 0, 3);
    const inputs = { one: floats([1]) };
    const nodes = [
      { op: "NonZero", in: ["x"], out: ["places"] },
      { op: "Unique", in: ["x"], out: ["all", "first", "inverse", "counts"] },
      { op: "Unique", in: ["x"], out: ["rows"], attributes: { axis: 0, sorted: 0 } },
    ];
    const outputs = ["places", "all", "first", "inverse", "counts", "rows"];
    await agrees({ opset: 17, inputs, constants: { x }, nodes, outputs });
  });

  it("agree for NonMaxSuppression", async () => {
    const corner = Array.from({ length: 24 }, () => [random(), random()] as const);
    const boxes = corner.flatMap(([y, x]) => [y, x, y + 0.1 + random() / 2, x + 0.1 + random() / 2]);
    const constants = {
      boxes: f32([2, 12, 4], boxes),
      scores: f32([2, 3, 12], Array.from({ length: 72 }, random)),
      most: i64([1], [5]),
      overlap: f32([1], [0.3]),
      least: f32([1], [0.2]),
    };
    const node = { op: "NonMaxSuppression", in: Object.keys(constants), out: ["y"] };
    await agrees({ opset: 17, inputs: { unused: floats([1]) }, constants, nodes: [node], outputs: ["y"] });
  });
});

describe("TfIdfVectorizer", () => {
  for (const mode of ["TF", "IDF", "TFIDF"]) {
    it(`agrees with mode ${mode}`, async () => {
      const attributes = {
        mode,
        min_gram_length: 1,
        max_gram_length: 3,
        max_skip_count: 2,
        ngram_counts: [0, 3, 7],
        ngram_indexes: [0, 1, 2, 5, 3, 4, 6],
        pool_int64s: [0, 1, 2, 0, 1, 2, 2, 1, 0, 1, 2, 0, 0],
        weights: { floats: [0.5, 1.5, 2, 1, 3, 0.25, 4] },
      };
      await agrees(single({ op: "TfIdfVectorizer", inputs: { x: integers("i64", [3, 14], 0, 3) }, attributes }));
    });
  }
});
