import type { Kernel } from "../machine/kernel.ts";
import type { Opcode } from "../machine/scalar.ts";

/**
 * A short name of what a kernel does. Kernels of one kind cost about the same per step.
 * "f32 dot" and "int dot" multiply and accumulate, "fmax fold" folds with other instructions, "gather", "copy" and
 * "map" do not reduce.
 */
export function kernelKind({ reduce, finish }: Kernel): string {
  if (reduce !== undefined) {
    const ops = new Set<Opcode>(reduce.step.code.map(({ op }) => op));
    if (ops.has("fmul") && ops.has("fadd")) return "f32 dot";
    if (ops.has("imul") && ops.has("iadd")) return "int dot";
    const folds = ["fadd", "fmax", "fmin", "fmul", "iadd", "imax", "imin", "imul", "ior", "iand"] as const;
    return `${folds.find((op) => ops.has(op)) ?? "other"} fold`;
  }
  if (finish.reads.some(({ gather }) => gather !== undefined)) return "gather";
  return finish.code.length === 0 ? "copy" : "map";
}
