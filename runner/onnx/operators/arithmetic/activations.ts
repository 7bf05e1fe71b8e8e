import type { NodeContext } from "../../build/node.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import * as fn from "../../functions/index.ts";

/** An activation by its lower-case name. */
export interface Activation {
  readonly name: string;
  readonly apply: (s: StageBuilder, x: Ref) => Ref;
}

/** Which of alpha and beta an activation consumes, in the order of the list of activations. */
const PARAMETERS: Readonly<Record<string, readonly [alpha: boolean, beta: boolean]>> = {
  affine: [true, true],
  leakyrelu: [true, false],
  hardsigmoid: [true, true],
};

/** The activations that a node names, with their parameters. */
export const activationsOf = (node: NodeContext, names: readonly string[]): readonly Activation[] => {
  const [alphas, betas] = [[...(node.floats("activation_alpha") ?? [])], [...(node.floats("activation_beta") ?? [])]];
  return names.map((given) => {
    const name = given.toLowerCase();
    const [usesAlpha = false, usesBeta = false] = PARAMETERS[name] ?? [];
    const [alpha, beta] = [usesAlpha ? alphas.shift() : undefined, usesBeta ? betas.shift() : undefined];
    return { name, apply: activation(node, name, alpha, beta) };
  });
};

const activation = (
  node: NodeContext,
  name: string,
  alpha: number | undefined,
  beta: number | undefined,
): Activation["apply"] => {
  switch (name) {
    case "sigmoid":
      return fn.sigmoid;
    case "tanh":
      return fn.tanh;
    case "relu":
      return (s, x) => s.op("fmax", x, s.f(0));
    case "leakyrelu":
      return (s, x) => s.select(s.op("flt", x, s.f(0)), s.op("fmul", s.f(alpha ?? 0.01), x), x);
    case "affine":
      return (s, x) => s.op("fadd", s.op("fmul", s.f(alpha ?? 1), x), s.f(beta ?? 0));
    case "hardsigmoid":
      return (s, x) => fn.clamp(s, s.op("fadd", s.op("fmul", s.f(alpha ?? 0.2), x), s.f(beta ?? 0.5)), 0, 1);
    default:
      throw node.refuse(`activation "${name}"`, "activations");
  }
};

/** The logistic function through the C library's exponential. */
const logistic = (s: StageBuilder, x: Ref): Ref => {
  const e = fn.expOfLibrary(s, s.op("fneg", s.op("fabs", x)));
  return s.op("fdiv", s.select(s.op("flt", x, s.f(0)), e, s.f(1)), s.op("fadd", s.f(1), e));
};

/** RNN's activations: the sigmoid and tanh are not those of the other operators. */
export const ofLibrary = ({ name, apply }: Activation): Activation["apply"] => {
  const two = (s: StageBuilder): Ref => s.f(2);
  if (name === "sigmoid") return logistic;
  if (name !== "tanh") return apply;
  return (s, x) => s.op("fsub", s.op("fmul", two(s), logistic(s, s.op("fmul", two(s), x))), s.f(1));
};
