import type { Tensor } from "../machine/tensor.ts";
import type { ElementType } from "../onnx/file/element-type.ts";

/**
 * A tensor with the element type and the shape that its file gives. Element types without a dtype (f16, f64, …) are held
 * as integers.
 */
export interface ShapedTensor {
  readonly element: ElementType;
  readonly shape: readonly number[];
  readonly tensor: Tensor;
}
