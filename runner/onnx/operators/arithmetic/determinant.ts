import { atLeast, lastItem } from "../../../items.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { elementCount } from "../../file/element-type.ts";
import { float } from "../common.ts";
import { reshaped } from "../tensor/movement.ts";

/** Largest matrix whose determinant is taken: each column is two kernels. */
const MAX_SIZE = 64;

/** Determinants by elimination; each pivot is the largest of its column, the first of equals. */
const determinant = (node: NodeContext): Value => {
  const x = float(node, node.in(0));
  const n = lastItem(x.shape);
  if (x.shape.length < 2 || x.shape.at(-2) !== n) throw node.invalid("the matrices are not square");
  if (n > MAX_SIZE) throw node.refuse(`matrices of ${String(n)} rows`);
  const outer = x.shape.slice(0, -2);
  const batch = elementCount(outer);
  let rows = reshaped(node.lowering, x, [batch, n, n]);
  let product: Value | undefined;
  for (let k = 0; k < n; k++) {
    const [matrix, before] = [rows, product];
    const pivot = node.lowering.emit({
      dtype: "i64",
      shape: [batch],
      fold: {
        dims: [n - k],
        classes: ["f32", "int"],
        init: (s) => [s.f(-1), s.i(k)],
        step: (s, out, red) => {
          const [[b], [r]] = [atLeast(out, 1), atLeast(red, 1)];
          const size = s.op("fabs", s.load(matrix, [b, r.plus(k), k]));
          const larger = s.op("flt", s.accumulator(0), size);
          return [s.select(larger, size, s.accumulator(0)), s.select(larger, s.affine(r.plus(k)), s.accumulator(1))];
        },
      },
      finish: (s) => s.accumulator(1),
    });
    product = node.lowering.emit({
      dtype: "f32",
      shape: [batch],
      finish: (s, out) => {
        const [b] = atLeast(out, 1);
        const head = s.load(matrix, [b, 0, k], { gather: { dimension: 1, by: pivot, at: [b] } });
        const swapped = s.not(s.op("ieq", s.load(pivot, [b]), s.i(k)));
        const signed = s.select(swapped, s.op("fneg", head), head);
        return before === undefined ? signed : s.op("fmul", s.load(before, [b]), signed);
      },
    });
    if (k === n - 1) break;
    // Row k goes where the pivot was; below, each row loses its multiple of the pivot's row.
    rows = node.lowering.emit({
      dtype: "f32",
      shape: [batch, n, n],
      finish: (s, out) => {
        const [b, i, j] = atLeast(out, 3);
        const here = s.op("ieq", s.affine(i), s.load(pivot, [b]));
        const row = (column: typeof j | number) =>
          s.select(here, s.load(matrix, [b, k, column]), s.load(matrix, [b, i, column]));
        const top = (column: typeof j | number) =>
          s.load(matrix, [b, 0, column], { gather: { dimension: 1, by: pivot, at: [b] } });
        const factor = s.op("fdiv", row(k), top(k));
        const zero = s.op("feq", top(k), s.f(0));
        return s.select(zero, row(j), s.op("fsub", row(j), s.op("fmul", factor, top(j))));
      },
    });
  }
  if (product === undefined) throw node.invalid("a matrix without rows");
  return reshaped(node.lowering, product, outer);
};

/** Operators on square matrices. */
export const DETERMINANT: readonly Operator[] = [onnx("Det", 11, determinant)];
