import type { NodeContext } from "../../build/node.ts";

const f = Math.fround;

/**
 * How an axis is resized: sizes before and after, the scale (an f32), and the region of tf_crop_and_resize. `length` is the
 * size after before it was rounded down to `out`: size times scale where scales were given, otherwise `out`.
 */
export interface Resized {
  readonly mode: string;
  readonly size: number;
  readonly out: number;
  readonly length: number;
  readonly scale: number;
  readonly region: readonly [start: number, end: number];
}

/**
 * Where an output position lies in the input, in input positions. In f32 step by step, as ONNX Runtime: which neighbour
 * is nearest, and every weight, may hang on the last bit. But where the scales give no whole size, ONNX's reference counts
 * with `length` and ONNX Runtime with `out`: align_corners follows the reference, and where the two differ in another mode
 * it is refused.
 */
export const coordinate = (node: NodeContext, axis: Resized, o: number): number => {
  const { mode, size, out, length } = axis;
  const scale = f(axis.scale);
  const half = (): number => f(f(f(o + 0.5) / scale) - 0.5);
  switch (mode) {
    case "half_pixel":
      return half();
    case "half_pixel_symmetric": {
      const adjustment = f(out / f(scale * size));
      const offset = f(f(size / 2) * f(1 - adjustment));
      return f(offset + (o + 0.5) / scale - 0.5);
    }
    case "pytorch_half_pixel":
      if (out === 1 && length !== 1) throw fractional(node, axis);
      return out > 1 ? half() : 0;
    case "align_corners":
      return out === 1 ? 0 : f(f(o * (size - 1)) / f(length - 1));
    case "asymmetric":
      return f(o / scale);
    case "tf_half_pixel_for_nn":
      return f(f(o + 0.5) / scale);
    case "tf_crop_and_resize": {
      if (length !== out) throw fractional(node, axis);
      const [start, end] = [f(axis.region[0]), f(axis.region[1])];
      if (out <= 1) return f(0.5 * f(start + end) * (size - 1));
      return f(f(start * (size - 1)) + f(f(f(o * f(end - start)) * (size - 1)) / (out - 1)));
    }
    default:
      throw node.refuse(`coordinate_transformation_mode "${mode}"`, "coordinate_transformation_mode");
  }
};

const fractional = (node: NodeContext, { mode, size, scale }: Resized): Error =>
  node.refuse(
    `coordinate_transformation_mode "${mode}" with a scale of ${String(scale)} for ${String(size)} elements, which gives no whole size`,
    "scales",
  );

/** The input position nearest to a coordinate; it may lie outside. */
export const nearest = (node: NodeContext, mode: string, x: number): number => {
  switch (mode) {
    case "round_prefer_floor":
      return Math.ceil(x - 0.5);
    case "round_prefer_ceil":
      return Math.floor(x + 0.5);
    case "floor":
      return Math.floor(x);
    case "ceil":
      return Math.ceil(x);
    default:
      throw node.refuse(`nearest_mode "${mode}"`, "nearest_mode");
  }
};
