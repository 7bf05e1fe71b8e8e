import { Graph } from "./graph.ts";

/* Convolutional networks for pictures of 224 by 224, batch normalisation folded into the convolutions. */

interface ConvOptions {
  readonly stride?: number;
  readonly groups?: number;
}

/** A convolution with a bias, padded so that stride 1 keeps the size. */
const conv = (
  g: Graph,
  x: string,
  [from, to]: readonly [number, number],
  kernel: number,
  options: ConvOptions = {},
): string => {
  const { stride = 1, groups = 1 } = options;
  const perGroup = from / groups;
  const pad = Math.floor(kernel / 2);
  const w = g.weights([to, perGroup, kernel, kernel], Math.sqrt(2 / (perGroup * kernel * kernel)));
  return g.node("Conv", [x, w, g.weights([to], 0.1)], {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
    dilations: [1, 1],
    group: groups,
  });
};

const classifier = (g: Graph, x: string, channels: number): void => {
  const flat = g.node("Flatten", [g.node("GlobalAveragePool", [x])], { axis: 1 });
  const w = g.weights([1000, channels], 0.05);
  g.output(g.node("Gemm", [flat, w, g.weights([1000], 0.05)], { transB: 1 }));
};

/** ResNet-18 (basic blocks) or ResNet-50 (bottlenecks). */
export function resnet(deep: boolean): Graph {
  const g = new Graph();
  let x = g.input("image", "f32", [1, 3, 224, 224]);
  x = g.node("Relu", [conv(g, x, [3, 64], 7, { stride: 2 })]);
  x = g.node("MaxPool", [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  const blocks = deep ? [3, 4, 6, 3] : [2, 2, 2, 2];
  let channels = 64;
  blocks.forEach((count, stage) => {
    const width = 64 * 2 ** stage;
    const out = deep ? 4 * width : width;
    for (let block = 0; block < count; block++) {
      const stride = block === 0 && stage > 0 ? 2 : 1;
      let y = x;
      if (deep) {
        y = g.node("Relu", [conv(g, y, [channels, width], 1)]);
        y = g.node("Relu", [conv(g, y, [width, width], 3, { stride })]);
        y = conv(g, y, [width, out], 1);
      } else {
        y = g.node("Relu", [conv(g, y, [channels, width], 3, { stride })]);
        y = conv(g, y, [width, width], 3);
      }
      const shortcut = stride > 1 || channels !== out ? conv(g, x, [channels, out], 1, { stride }) : x;
      x = g.node("Relu", [g.node("Add", [y, shortcut])]);
      channels = out;
    }
  });
  classifier(g, x, channels);
  return g;
}

/** MobileNetV2 of width 1. */
export function mobileNetV2(): Graph {
  const g = new Graph();
  const clip = (x: string): string => g.node("Clip", [x, g.scalar(0), g.scalar(6)]);
  let x = clip(conv(g, g.input("image", "f32", [1, 3, 224, 224]), [3, 32], 3, { stride: 2 }));
  let channels = 32;
  const stages = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ] as const;
  for (const [expand, out, count, first] of stages) {
    for (let block = 0; block < count; block++) {
      const stride = block === 0 ? first : 1;
      const hidden = channels * expand;
      let y = expand === 1 ? x : clip(conv(g, x, [channels, hidden], 1));
      y = clip(conv(g, y, [hidden, hidden], 3, { stride, groups: hidden }));
      y = conv(g, y, [hidden, out], 1);
      x = stride === 1 && channels === out ? g.node("Add", [x, y]) : y;
      channels = out;
    }
  }
  classifier(g, clip(conv(g, x, [channels, 1280], 1)), 1280);
  return g;
}

/** EfficientNet-B0: inverted residuals with squeeze and excitation, SiLU. */
export function efficientNetB0(): Graph {
  const g = new Graph();
  const silu = (x: string): string => g.node("Mul", [x, g.node("Sigmoid", [x])]);
  let x = silu(conv(g, g.input("image", "f32", [1, 3, 224, 224]), [3, 32], 3, { stride: 2 }));
  let channels = 32;
  const stages = [
    [1, 16, 1, 1, 3],
    [6, 24, 2, 2, 3],
    [6, 40, 2, 2, 5],
    [6, 80, 3, 2, 3],
    [6, 112, 3, 1, 5],
    [6, 192, 4, 2, 5],
    [6, 320, 1, 1, 3],
  ] as const;
  for (const [expand, out, count, first, kernel] of stages) {
    for (let block = 0; block < count; block++) {
      const stride = block === 0 ? first : 1;
      const hidden = channels * expand;
      let y = expand === 1 ? x : silu(conv(g, x, [channels, hidden], 1));
      y = silu(conv(g, y, [hidden, hidden], kernel, { stride, groups: hidden }));
      const squeezed = Math.max(1, Math.floor(channels / 4));
      let s = g.node("GlobalAveragePool", [y]);
      s = silu(conv(g, s, [hidden, squeezed], 1));
      s = g.node("Sigmoid", [conv(g, s, [squeezed, hidden], 1)]);
      y = conv(g, g.node("Mul", [y, s]), [hidden, out], 1);
      x = stride === 1 && channels === out ? g.node("Add", [x, y]) : y;
      channels = out;
    }
  }
  classifier(g, silu(conv(g, x, [channels, 1280], 1)), 1280);
  return g;
}

/** The shapes of ResNet-18 with 8-bit activations and weights (QLinearConv), as static quantisers write them. */
export function quantizedResnet(): Graph {
  const g = new Graph();
  const scale = g.scalar(0.05);
  const zero = g.constant("u8", [], Uint8Array.of(128));
  const weightZero = g.constant("i8", [], Int8Array.of(0));
  const qconv = (x: string, [from, to]: readonly [number, number], kernel: number, stride = 1): string => {
    const pad = Math.floor(kernel / 2);
    const w = g.integers("i8", [to, from, kernel, kernel], -127, 128);
    const weightScale = g.scalar(1 / (40 * Math.sqrt(from * kernel * kernel)));
    const bias = g.constant("i32", [to], new Int32Array(to).fill(100));
    return g.node("QLinearConv", [x, scale, zero, w, weightScale, weightZero, scale, zero, bias], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
    });
  };
  let x = g.node("QuantizeLinear", [g.input("image", "f32", [1, 3, 224, 224]), scale, zero]);
  x = qconv(x, [3, 64], 7, 2);
  x = g.node("MaxPool", [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  let channels = 64;
  for (let stage = 0; stage < 4; stage++) {
    const width = 64 * 2 ** stage;
    for (let block = 0; block < 2; block++) {
      const stride = block === 0 && stage > 0 ? 2 : 1;
      x = qconv(qconv(x, [channels, width], 3, stride), [width, width], 3);
      channels = width;
    }
  }
  const pooled = g.node("GlobalAveragePool", [g.node("DequantizeLinear", [x, scale, zero])]);
  const flat = g.node("Flatten", [pooled], { axis: 1 });
  g.output(g.node("Gemm", [flat, g.weights([1000, 512], 0.05), g.weights([1000], 0.05)], { transB: 1 }));
  return g;
}
