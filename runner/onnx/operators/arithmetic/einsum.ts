import { atLeast, entry, item } from "../../../items.ts";
import { asIndex, type Index } from "../../build/affine.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import type { Value } from "../../build/value.ts";
import { without } from "../../build/view.ts";
import { elementCount } from "../../file/element-type.ts";
import { contiguousAlong } from "../../sums/dot.ts";
import { range, sameType } from "../common.ts";
import { reshaped } from "../tensor/movement.ts";
import { blockFor, orderedDot } from "./linear.ts";
import { floatSum } from "./reduce.ts";

/**
 * Einsum: integers as one fold over the summed letters, floats as products of matrices, one value after the other.
 */
const einsum = (node: NodeContext): Value => {
  const values = node.all();
  const dtype = sameType(node, values);
  const equation = node.string("equation", "").replaceAll(" ", "");
  const [left = "", right] = equation.split("->");
  if (left.split(",").length !== values.length || values.length > 8)
    throw node.invalid("the equation does not fit the inputs", "equation");
  const terms = left.split(",").map((term, i) => letters(node, term, item(values, i).shape.length));
  const sizes = new Map<string, number>();
  terms.forEach((term, i) => {
    term.forEach((letter, d) => {
      const size = item(item(values, i).shape, d);
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
      return o >= 0 ? item(out, o) : item(red, summed.indexOf(letter));
    });
  if (dtype === "f32") return pairwise(node, terms, values, all, output);
  return node.lowering.emit({
    dtype,
    shape: output.map((letter) => entry(sizes, letter)),
    fold: {
      dims: summed.length === 0 ? [1] : summed.map((letter) => entry(sizes, letter)),
      classes: ["int"],
      init: (s) => [s.i(0)],
      step: (s, out, red) => {
        const factors = values.map((value, i) => s.load(value, at(item(terms, i), value, out, red)));
        const multiplied = factors.reduce((a, b) => s.op("imul", a, b));
        return [s.op("iadd", s.accumulator(), multiplied)];
      },
    },
    finish: (s) => s.accumulator(),
  });
};

/** A value and what its dimensions are called. */
interface Named {
  readonly value: Value;
  readonly letters: readonly string[];
}

/** The value with one dimension for each letter: of a repeated one the diagonal. */
const named = (value: Value, term: readonly string[]): Named => {
  const unique = [...new Set(term)];
  const dimensions = unique.map((letter) => range(term.length).filter((d) => term[d] === letter));
  return {
    letters: unique,
    value: {
      ...value,
      shape: dimensions.map((same) => item(value.shape, item(same, 0))),
      strides: dimensions.map((same) => same.reduce((sum, d) => sum + item(value.strides, d), 0)),
    },
  };
};

/** The dimensions of these letters, the others left out. For a letter that the value does not have: size 1, stride 0. */
const ordered = ({ value, letters: own }: Named, order: readonly string[]): Value => ({
  ...value,
  shape: order.map((letter) => value.shape[own.indexOf(letter)] ?? 1),
  strides: order.map((letter) => value.strides[own.indexOf(letter)] ?? 0),
});

/** Sums over letters that only this value has: what ReduceSum gives of its dimensions in the order of all letters. */
const summedOut = (node: NodeContext, operand: Named, all: readonly string[], away: readonly string[]): Named => {
  if (away.length === 0) return operand;
  const axes = range(all.length).filter((d) => away.includes(item(all, d)));
  const sums = floatSum(node, ordered(operand, all), axes);
  return { value: without(sums, axes), letters: all.filter((letter) => !away.includes(letter)) };
};

/**
 * The products of values from the left to the right, as onnxruntime-web takes them: letters that no later value and not
 * the output has are summed, with the value that has them alone, or as the inner ones of a product of matrices.
 */
const pairwise = (
  node: NodeContext,
  terms: readonly (readonly string[])[],
  values: readonly Value[],
  all: readonly string[],
  output: readonly string[],
): Value => {
  const operands = values.map((value, i) => named(value, item(terms, i)));
  const last = (letter: string): number =>
    operands.reduce((at, operand, i) => (operand.letters.includes(letter) ? i : at), -1);
  const done = (i: number): readonly string[] => all.filter((letter) => !output.includes(letter) && last(letter) === i);
  const [first, ...rest] = operands as [Named, ...Named[]];
  const start = summedOut(node, first, all, done(0));
  const result = rest.reduce((left, right, i) => contracted(node, left, right, all, done(i + 1)), start);
  return ordered(result, output);
};

const contracted = (
  node: NodeContext,
  left: Named,
  right: Named,
  all: readonly string[],
  done: readonly string[],
): Named => {
  /** Letters along which a value has more than one element: others are as if it had them not. */
  const wide = ({ value, letters: own }: Named): readonly string[] => own.filter((_, d) => value.shape[d] !== 1);
  const alone = (operand: Named, other: Named): Named =>
    summedOut(
      node,
      operand,
      all,
      done.filter((letter) => operand.letters.includes(letter) && !wide(other).includes(letter)),
    );
  const [a, b] = [alone(left, right), alone(right, left)];
  const [ofA, ofB] = [wide(a), wide(b)];
  const pick = (test: (letter: string) => boolean): readonly string[] => all.filter(test);
  const inner = pick((letter) => done.includes(letter) && ofA.includes(letter) && ofB.includes(letter));
  const batch = pick((letter) => !inner.includes(letter) && ofA.includes(letter) && ofB.includes(letter));
  const rows = pick((letter) => ofA.includes(letter) && !ofB.includes(letter));
  const columns = pick((letter) => ofB.includes(letter) && !ofA.includes(letter));
  const size = (operand: Named, of: readonly string[]): number => elementCount(ordered(operand, of).shape);
  const [count, m, n, k] = [size(a, batch), size(a, rows), size(b, columns), size(a, inner)];
  const [rowsOf, columnsOf] = [
    reshaped(node.lowering, ordered(a, [...batch, ...rows, ...inner]), [count, m, k]),
    reshaped(node.lowering, ordered(b, [...batch, ...columns, ...inner]), [count, n, k]),
  ].map((matrix) => contiguousAlong(node.lowering, matrix, 2)) as [Value, Value];
  const products = orderedDot(
    node.lowering,
    {
      dtype: "f32",
      shape: [count, m, n],
      class: "f32",
      length: k,
      left: (s, out, at) => {
        const [z, i] = atLeast(out, 2);
        return s.load(rowsOf, [z, i, at]);
      },
      right: (s, out, at) => {
        const [z, , j] = atLeast(out, 3);
        return s.load(columnsOf, [z, j, at]);
      },
      finish: (_s, _out, sum) => sum,
    },
    blockFor({ m, n, k, packed: false }),
  );
  const names = [...batch, ...rows, ...columns];
  const shape = names.map((letter) => size(ofA.includes(letter) ? a : b, [letter]));
  return { value: reshaped(node.lowering, products, shape), letters: names };
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
