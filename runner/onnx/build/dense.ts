import type { Lowering } from "./lowering.ts";
import type { Dense } from "../file/tensors.ts";
import type { Value } from "./value.ts";

/** A tensor known at import as a value. */
export const valueOfDense = (lowering: Lowering, { tensor, shape, element }: Dense): Value =>
  tensor === undefined ? lowering.empty(element, shape) : lowering.constant(tensor, shape, element);
