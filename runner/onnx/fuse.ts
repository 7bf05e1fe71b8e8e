import type { Kernel } from "../machine/kernel.ts";

/** Placeholder until kernels are fused: gives them back as they are. */
export const fuseKernels = (kernels: readonly Kernel[], _outputs: readonly number[]): readonly Kernel[] => kernels;
