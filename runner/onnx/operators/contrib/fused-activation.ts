import { microsoft, type NodeContext, type Operator } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import * as fn from "../../functions/index.ts";
import { gemm } from "../arithmetic/linear.ts";
import { conv } from "../neural/conv.ts";

/* Convolutions and products that contain their activation, as ONNX Runtime's optimisations write them. */

/** The function that the attribute `activation` names, with its parameters. */
const activated = (node: NodeContext, x: Value, parameters: readonly number[]): Value => {
  const name = node.string("activation", "");
  const [first = 0, second = 0] = parameters;
  const wanted: Readonly<Record<string, number>> = { LeakyRelu: 1, Clip: 2, HardSigmoid: 2 };
  if (parameters.length !== (wanted[name] ?? 0)) {
    throw node.invalid(`${String(parameters.length)} parameters of ${name}`, "activation_params");
  }
  return node.lowering.map("f32", [x], (s, v) => {
    switch (name) {
      case "Relu":
        return s.op("fmax", v, s.f(0));
      case "Tanh":
        return fn.tanh(s, v);
      case "Sigmoid":
        return fn.sigmoid(s, v);
      case "LeakyRelu":
        return s.select(s.op("fle", s.f(0), v), v, s.op("fmul", s.f(first), v));
      case "Clip":
        return fn.clamp(s, v, first, second);
      case "HardSigmoid":
        return fn.clamp(s, s.op("fadd", s.op("fmul", s.f(first), v), s.f(second)), 0, 1);
      default:
        throw node.refuse(`activation "${name}"`, "activation");
    }
  });
};

const fusedConv = (node: NodeContext): Value => {
  if (node.opt(3) !== undefined) throw node.refuse("a sum that the convolution is added to (input 3)");
  return activated(node, conv(node), node.floats("activation_params") ?? []);
};

const fusedGemm = (node: NodeContext): Value => {
  const alpha = node.float("activation_alpha");
  return activated(node, gemm(node), alpha === undefined ? [] : [alpha]);
};

/** Fused convolutions and products. */
export const FUSED_ACTIVATION: readonly Operator[] = [
  microsoft("FusedConv", fusedConv),
  microsoft("FusedGemm", fusedGemm),
];
