import { agrees, floats } from "./agreement.ts";
import type { TestModel, TestNode } from "../../../testing/onnx-model.ts";

/*
 * Transposed convolutions agree with onnxruntime-web on every bit at the sizes where its kernels change the order of sums (blocks of 128 and
 * 256, runs of four) and on both sides of them.
 */

interface Deconvolution {
  /** Channels in and out, and groups. */
  readonly channels?: readonly [number, number, number?];
  readonly size?: readonly number[];
  readonly window?: readonly number[];
  readonly attributes?: TestNode["attributes"];
}

/** A ConvTranspose with a bias; its weights are in the file, where onnxruntime-web transposes them, or inputs. */
const transposed = (
  { channels = [8, 6], size = [9, 9], window = [3, 3], attributes }: Deconvolution,
  constant: boolean,
): TestModel => {
  const [c, m, groups = 1] = channels;
  const weights = { w: floats([c, m / groups, ...window]), b: floats([m]) };
  return {
    inputs: { x: floats([2, c, ...size]), ...(constant ? {} : weights) },
    constants: constant ? weights : {},
    nodes: [{ op: "ConvTranspose", in: ["x", "w", "b"], out: ["y"], attributes: { group: groups, ...attributes } }],
    outputs: ["y"],
  };
};

const DECONVOLUTIONS: readonly Deconvolution[] = [
  {},
  { attributes: { strides: [2, 2] } },
  { window: [4, 4], attributes: { strides: [2, 2], pads: [1, 1, 1, 1] } },
  { window: [2, 2], attributes: { strides: [2, 2] } },
  { attributes: { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] } },
  { window: [3, 2], attributes: { strides: [3, 1], pads: [0, 1, 2, 0] } },
  { attributes: { strides: [5, 4] } },
  { attributes: { dilations: [2, 3] } },
  { attributes: { dilations: [2, 3], strides: [3, 2], pads: [1, 2, 3, 1], output_padding: [1, 1] } },
  { channels: [8, 6, 2], attributes: { strides: [2, 2] } },
  { channels: [6, 6, 6], attributes: { strides: [2, 2], pads: [1, 1, 1, 1] } },
  { channels: [3, 6, 3], attributes: { strides: [2, 2], dilations: [2, 2] } },
  { size: [11], window: [5] },
  { size: [11], window: [5], attributes: { strides: [2], pads: [2, 1] } },
  { channels: [300, 3], size: [11], window: [4], attributes: { strides: [2] } },
  { channels: [4, 6], size: [4, 5, 3], window: [3, 3, 3] },
  {
    channels: [4, 6],
    size: [4, 5, 3],
    window: [3, 3, 3],
    attributes: { strides: [2, 2, 2], pads: [1, 1, 1, 1, 1, 1] },
  },
  { channels: [4, 6, 2], size: [4, 5, 3], window: [3, 2, 3], attributes: { strides: [2, 1, 2], dilations: [1, 2, 3] } },
  { channels: [300, 4], size: [3, 3] },
  { channels: [300, 4], size: [12, 12], attributes: { strides: [2, 2] } },
  { channels: [300, 1], size: [2, 2], window: [1, 1] },
  { channels: [300, 1], size: [1, 1], window: [2, 2] },
  { channels: [1, 4] },
  { attributes: { auto_pad: "SAME_UPPER", strides: [2, 2] } },
  { attributes: { auto_pad: "SAME_LOWER", strides: [2, 2] } },
  { attributes: { output_shape: [20, 19], strides: [2, 2] } },
  { attributes: { output_shape: [10, 8], strides: [2, 2] } },
];

describe("transposed convolutions", () => {
  describe("given ConvTranspose", () => {
    for (const layer of DECONVOLUTIONS) {
      it(`of ${JSON.stringify(layer)} agrees on every bit`, async () => {
        await agrees(transposed(layer, true));
        await agrees(transposed(layer, false));
      });
    }
  });
});
