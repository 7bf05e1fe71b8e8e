import { agrees, floats } from "./agreement.ts";
import { f32, i64, type TestModel, type TestNode } from "../../../testing/onnx-model.ts";

/* Interpolations agree with onnxruntime-web on every bit: their coordinates, weights and sums are f32 step by step. */

interface Resize {
  readonly shape?: readonly number[];
  readonly scales?: readonly number[];
  readonly sizes?: readonly number[];
  readonly region?: readonly number[];
  readonly attributes: NonNullable<TestNode["attributes"]>;
}

const resized = ({ shape = [1, 2, 9, 9], scales, sizes, region, attributes }: Resize): TestModel => ({
  opset: 19,
  inputs: { x: floats(shape) },
  constants: {
    ...(region && { r: f32([region.length], region) }),
    ...(scales && { s: f32([scales.length], scales) }),
    ...(sizes && { z: i64([sizes.length], sizes) }),
  },
  nodes: [
    { op: "Resize", in: ["x", region ? "r" : "", scales ? "s" : "", ...(sizes ? ["z"] : [])], out: ["y"], attributes },
  ],
  outputs: ["y"],
});

const TRANSFORMATIONS = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric"];
const CROP = { coordinate_transformation_mode: "tf_crop_and_resize", extrapolation_value: 2.5 };

/** Each of these for both modes and every coordinate transformation. */
const SIZES: readonly Omit<Resize, "attributes">[] = [
  { scales: [1, 1, 2.25, 1.75] },
  { shape: [2, 3, 9, 7], scales: [1, 1, 0.6, 0.7] },
  { sizes: [1, 2, 20, 7] },
  { shape: [9, 8], scales: [2, 3] },
  { sizes: [1, 2, 1, 1] },
  { shape: [1, 2, 5, 1], sizes: [1, 2, 11, 4] },
  { shape: [1, 9, 9, 3], scales: [1, 2, 1.5, 1] },
];

/** ONNX Runtime counts with the size, ONNX's reference with the size before it was rounded down: see edges.test.ts. */
const disputed = (transformation: string, { shape = [1, 2, 9, 9], scales }: Omit<Resize, "attributes">): boolean =>
  transformation === "align_corners" && scales?.some((scale, d) => (scale * (shape[d] ?? 0)) % 1 !== 0) === true;

/** Each of these for both modes. */
const RESIZES: readonly Resize[] = [
  { scales: [1, 1, 1, 2], attributes: {} },
  { scales: [1, 1, 2, 1], attributes: {} },
  { scales: [1, 1, 1.05, 1.05], attributes: {} },
  { scales: [1, 1, 1.05, 2], attributes: {} },
  { shape: [1, 1, 10, 10], scales: [1, 1, 0.7, 0.3], attributes: {} },
  { sizes: [18, 20], attributes: { axes: [2, 3], keep_aspect_ratio_policy: "not_larger" } },
  { scales: [2, 3], attributes: { axes: [3, 2] } },
  { scales: [1, 1, 2, 3], region: [0, 0, 0.1, 0.2, 1, 1, 0.8, 1.3], attributes: CROP },
  { sizes: [1, 2, 9, 5], region: [0, 0, 0.1, 0.2, 1, 1, 0.8, 1.3], attributes: CROP },
  { scales: [1, 1, 1, 0.4], attributes: { antialias: 1 } },
  { shape: [1, 9, 9, 3], scales: [1, 0.6, 0.4, 1], attributes: { antialias: 1 } },
  {
    shape: [1, 2, 10, 10],
    scales: [1, 1, 0.6, 0.4],
    region: [0, 0, 0.1, 0.2, 1, 1, 0.8, 0.9],
    attributes: { ...CROP, antialias: 1 },
  },
];

describe("interpolation", () => {
  describe("given Resize", () => {
    for (const mode of ["linear", "cubic"]) {
      for (const transformation of TRANSFORMATIONS) {
        for (const size of SIZES.filter((shown) => !disputed(transformation, shown))) {
          const attributes = { mode, coordinate_transformation_mode: transformation };
          it(`${mode}, ${transformation}, of ${JSON.stringify(size)} agrees on every bit`, async () =>
            agrees(resized({ ...size, attributes })));
        }
      }
      for (const layer of RESIZES) {
        it(`${mode} of ${JSON.stringify(layer)} agrees on every bit`, async () =>
          agrees(resized({ ...layer, attributes: { mode, ...layer.attributes } })));
      }
      for (const exclude of [0, 1]) {
        for (const scales of [
          [1, 1, 0.6, 0.4],
          [1, 1, 2.25, 1.75],
          [1, 1, 0.1, 0.07],
        ]) {
          const attributes = { mode, antialias: 1, exclude_outside: exclude };
          it(`${mode}, antialiased, exclude_outside ${String(exclude)}, by ${scales.join(", ")} agrees on every bit`, async () =>
            agrees(resized({ shape: [1, 3, 30, 41], scales, attributes })));
        }
      }
    }
    for (const a of [-0.75, -0.5]) {
      it(`cubic without what lies outside, coefficient ${String(a)}, agrees on every bit`, async () => {
        const attributes = { mode: "cubic", exclude_outside: 1, cubic_coeff_a: a };
        await agrees(resized({ scales: [1, 1, 2.25, 1.75], attributes }));
        await agrees(resized({ scales: [1, 1, 0.6, 0.4], attributes }));
      });
    }
    it("linear of volumes agrees on every bit", async () => {
      const shape = [1, 2, 5, 6, 10];
      const scales = [1, 1, 2, 1.5, 0.7];
      for (const mode of TRANSFORMATIONS) {
        await agrees(resized({ shape, scales, attributes: { mode: "linear", coordinate_transformation_mode: mode } }));
      }
      await agrees(resized({ shape, scales, attributes: { mode: "linear", antialias: 1 } }));
      const region = [0, 0, 0.1, 0.2, 0.3, 1, 1, 0.8, 1.3, 0.6];
      await agrees(resized({ shape, scales, region, attributes: { mode: "linear", ...CROP } }));
      await agrees(resized({ shape: [5, 6, 7], scales: [2, 1.5, 0.7], attributes: { mode: "linear" } }));
    });
  });
});
