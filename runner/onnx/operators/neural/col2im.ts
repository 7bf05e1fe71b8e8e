import { atLeast, item } from "../../../items.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { elementCount } from "../../file/element-type.ts";
import { float, range } from "../common.ts";
import { reshaped } from "../tensor/movement.ts";

/** Columns of windows added back to the image that they are from. */
const col2im = (node: NodeContext): Value => {
  const x = float(node, node.in(0));
  const [image, block] = [node.staticInts(1, "the image's shape"), node.staticInts(2, "the block's shape")];
  const axes = image.length;
  const ones = image.map(() => 1);
  const [strides, dilations] = [node.ints("strides") ?? ones, node.ints("dilations") ?? ones];
  const pads = node.ints("pads") ?? [...ones, ...ones].map(() => 0);
  if (axes > 3) throw node.refuse("more than three dimensions");
  const counts = image.map((size, d) => {
    const reach = item(dilations, d) * (item(block, d) - 1) + 1;
    return Math.floor((size + item(pads, d) + item(pads, d + axes) - reach) / item(strides, d)) + 1;
  });
  const [batch, rows] = atLeast(x.shape, 2);
  const channels = rows / elementCount(block);
  if (!Number.isInteger(channels) || x.shape[2] !== elementCount(counts)) throw node.invalid("the columns do not fit");
  const columns = reshaped(node.lowering, x, [batch, channels, ...block, ...counts]);
  // Each element of the image looks for the windows that hold it: window * stride + tap * dilation = place + pad.
  const folded = node.lowering.emit({
    dtype: "f32",
    shape: [batch, channels, ...image],
    fold: {
      dims: [...block, ...counts],
      classes: ["f32"],
      init: (s) => [s.f(0)],
      step: (s, out, red) => {
        const [n, c, ...place] = atLeast(out, 2);
        const guards = range(axes).map((d) => {
          const reached = item(red, axes + d)
            .times(item(strides, d))
            .plus(item(red, d).times(item(dilations, d)));
          return { index: reached.minus(item(place, d)).minus(item(pads, d)), bound: 1 };
        });
        return [s.op("fadd", s.accumulator(), s.load(columns, [n, c, ...red], { guards }))];
      },
    },
    finish: (s) => s.accumulator(),
  });
  return folded;
};

/** Windows put together again. */
export const COL2IM: readonly Operator[] = [onnx("Col2Im", 18, col2im)];
