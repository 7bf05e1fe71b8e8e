import { atLeast, item } from "../../../items.ts";
import { type Index } from "../../build/affine.ts";
import type { NodeContext } from "../../build/node.ts";
import type { Ref } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { floatPower } from "../arithmetic/power.ts";
import { float } from "../common.ts";

/**
 * LRN as onnxruntime-web computes it: x times the power of a sum of weighted squares over a window of channels. The sum
 * moves from channel to channel: from the bias on, the square that enters is added and the one that leaves subtracted,
 * so that a channel's sum depends on all channels before it. Channels outside the tensor add 0 and subtract -0: no change.
 */
export const localResponse = (node: NodeContext): Value => {
  const x = float(node, node.in(0));
  const size = node.int("size", 1);
  const [alpha, beta, bias] = [node.float("alpha", 1e-4), node.float("beta", 0.75), node.float("bias", 1)];
  const channels = item(x.shape, 1);
  const before = Math.floor((size - 1) / 2);
  const weight = Math.fround(Math.fround(alpha) / size);
  const at = (out: readonly Index[], channel: Index): Index[] => out.map((index, d) => (d === 1 ? channel : index));
  const sums = node.lowering.emit({
    dtype: "f32",
    shape: x.shape,
    fold: {
      dims: [channels + size - 1],
      classes: ["f32"],
      init: (s) => [s.f(bias)],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        const entering = k.minus(before);
        const channel = item(out, 1);
        // Steps after the last one of this channel read nothing.
        const guards = [{ index: channel.plus(size - 1).minus(k), bound: channels + size }];
        const square = (place: Index): Ref => {
          const v = s.load(x, at(out, place), { guarded: [1], guards });
          return s.op("fmul", v, v);
        };
        const more = s.op("fadd", s.accumulator(), s.op("fmul", square(entering), s.f(weight)));
        return [s.op("fadd", more, s.op("fmul", square(entering.minus(size)), s.f(-weight)))];
      },
    },
    finish: (s) => s.accumulator(),
  });
  const powers = floatPower(node.lowering, sums, node.lowering.scalar("f32", -beta));
  return node.lowering.map("f32", [x, powers], (s, v, p) => s.op("fmul", v, p));
};
