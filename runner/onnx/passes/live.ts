import { item } from "../../items.ts";
import type { Kernel } from "../../machine/kernel.ts";

/** The kernels that these outputs depend on, themselves included. */
export const liveKernels = (kernels: readonly Kernel[], outputs: readonly number[]): Set<number> => {
  const live = new Set<number>();
  const stack = [...outputs];
  for (let k = stack.pop(); k !== undefined; k = stack.pop()) {
    if (live.has(k)) continue;
    live.add(k);
    for (const { space, index } of item(kernels, k).operands) if (space === "kernel") stack.push(index);
  }
  return live;
};
