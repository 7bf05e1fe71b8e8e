import { asIndex, type Index } from "../affine.ts";
import { type NodeContext, onnx, type Operator } from "../node.ts";
import type { Value } from "../value.ts";
import { isFloatType, range, sameType } from "./common.ts";

/** Einsum as one fold: sequential over the summed letters in the order in which they appear. */
const einsum = (node: NodeContext): Value => {
  const values = node.all();
  const dtype = sameType(node, values);
  const equation = node.string("equation", "").replaceAll(" ", "");
  const [left = "", right] = equation.split("->");
  const terms = left.split(",").map((term, i) => letters(node, term, values[i]?.shape.length ?? 0));
  if (terms.length !== values.length || values.length > 8)
    throw node.invalid("the equation does not fit the inputs", "equation");
  const sizes = new Map<string, number>();
  terms.forEach((term, i) => {
    term.forEach((letter, d) => {
      const size = values[i]?.shape[d] ?? 1;
      const known = sizes.get(letter) ?? 1;
      if (known !== 1 && size !== 1 && known !== size) throw node.invalid(`"${letter}" has two sizes`, "equation");
      sizes.set(letter, Math.max(known, size));
    });
  });
  const all = [...sizes.keys()];
  const dots = all.filter((letter) => letter.startsWith("."));
  const counts = (letter: string): number => terms.flat().filter((other) => other === letter).length;
  const output =
    right === undefined
      ? [...dots.sort(), ...all.filter((letter) => !letter.startsWith(".") && counts(letter) === 1).sort()]
      : letters(node, right, right.replace("...", "").length + dots.length);
  const summed = all.filter((letter) => !output.includes(letter));
  const at = (term: readonly string[], value: Value, out: readonly Index[], red: readonly Index[]): Index[] =>
    term.map((letter, d) => {
      if (value.shape[d] === 1) return asIndex(0);
      const o = output.indexOf(letter);
      return (o >= 0 ? out[o] : red[summed.indexOf(letter)]) ?? asIndex(0);
    });
  const isFloat = isFloatType(dtype);
  return node.b.emit({
    dtype,
    shape: output.map((letter) => sizes.get(letter) ?? 1),
    fold: {
      dims: summed.length === 0 ? [1] : summed.map((letter) => sizes.get(letter) ?? 1),
      classes: [isFloat ? "f32" : "int"],
      init: (s) => [isFloat ? s.f(0) : s.i(0)],
      step: (s, out, red) => {
        const factors = values.map((value, i) => s.load(value, at(terms[i] ?? [], value, out, red)));
        const product = factors.reduce((a, b) => s.op(isFloat ? "fmul" : "imul", a, b));
        return [s.op(isFloat ? "fadd" : "iadd", s.accumulator(), product)];
      },
    },
    finish: (s) => s.accumulator(),
  });
};

/** Letters of a term, its ellipsis as `.0`, `.1`, … counted from the right. */
const letters = (node: NodeContext, term: string, rank: number): string[] => {
  const [before = "", after] = term.split("...");
  const named = [...before, ...(after ?? "")];
  const open = after === undefined ? 0 : rank - named.length;
  if (named.some((letter) => !/[A-Za-z]/.test(letter)) || open < 0)
    throw node.invalid("the equation is malformed", "equation");
  const dots = range(open).map((i) => `.${String(99 - (open - i))}`);
  return [...before, ...dots, ...(after ?? "")];
};

/** Sums of products by letters. */
export const EINSUM: readonly Operator[] = [onnx("Einsum", 12, einsum)];
