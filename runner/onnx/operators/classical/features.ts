import { atLeast, item, lastItem } from "../../../items.ts";
import type { Lowering } from "../../build/lowering.ts";
import type { NodeContext, Operator } from "../../build/node.ts";
import type { Ref, StageBuilder } from "../../build/stage.ts";
import type { Value } from "../../build/value.ts";
import { alongRows } from "../../build/view.ts";
import { elementCount, storageOf } from "../../file/element-type.ts";
import { rowSum } from "../arithmetic/normalize.ts";
import { LARGEST_F32, computable, float } from "../common.ts";
import { concatenated, reshaped } from "../tensor/movement.ts";
import { asFloat, matrix, ml, withoutStrings } from "./ml.ts";

/** A parameter of one element, or one for each of the last dimension's positions. */
const perColumn = (node: NodeContext, x: Value, dtype: "f32" | "i64", name: string, list: readonly number[]): Value => {
  const columns = lastItem(x.shape);
  if (list.length !== 1 && list.length !== columns) {
    throw node.invalid(`${String(list.length)} entries for ${String(columns)} features`, name);
  }
  return node.lowering.constantOf(dtype, [list.length], list);
};

const scaler = (node: NodeContext): Value => {
  const x = matrix(node);
  const [offset, scale] = [node.floats("offset") ?? [], node.floats("scale") ?? []];
  if (offset.length !== scale.length) throw node.invalid("offset and scale differ in length", "offset");
  const parameters = [perColumn(node, x, "f32", "offset", offset), perColumn(node, x, "f32", "scale", scale)];
  return node.lowering.map("f32", [x, ...parameters], (s, v, o, k) => s.op("fmul", s.op("fsub", v, o), k));
};

/** The largest element of each row; NaNs are passed over. */
const rowLargest = (lowering: Lowering, x: Value): Value =>
  lowering.emit({
    dtype: "f32",
    shape: x.shape.slice(0, 1),
    fold: {
      dims: x.shape.slice(1),
      classes: ["f32"],
      init: (s) => [s.f(-LARGEST_F32)],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        const v = s.load(x, [...out, k]);
        return [s.select(s.op("flt", s.accumulator(), v), v, s.accumulator())];
      },
    },
    finish: (s) => s.accumulator(),
  });

/** Each row over its norm; a row whose norm is 0 stays. */
const normalizer = (node: NodeContext): Value => {
  const x = matrix(node);
  const norm = node.string("norm", "MAX");
  const divided = (by: Value, body: (s: StageBuilder, v: Ref, n: Ref) => Ref): Value =>
    node.lowering.map("f32", [x, alongRows(by, x)], (s, v, n) => s.select(s.op("feq", n, s.f(0)), v, body(s, v, n)));
  switch (norm) {
    case "MAX":
      return divided(rowLargest(node.lowering, x), (s, v, n) => s.op("fdiv", v, n));
    case "L1":
      return divided(
        rowSum(node.lowering, x, (s, v) => s.op("fabs", v)),
        (s, v, n) => s.op("fdiv", v, n),
      );
    case "L2": {
      if (node.in(0).element !== "f32") throw node.refuse("L2 of integers", "norm", "cast the input to float");
      const squares = rowSum(node.lowering, x, (s, v) => s.op("fmul", v, v));
      return divided(squares, (s, v, n) => {
        const root = s.op("fsqrt", s.op("fdiv", s.op("fmul", v, v), n));
        return s.select(s.op("flt", v, s.f(0)), s.op("fneg", root), root);
      });
    }
    default:
      throw node.invalid(`norm "${norm}"`, "norm");
  }
};

const binarizer = (node: NodeContext): Value => {
  const threshold = node.float("threshold", 0);
  return node.lowering.map("f32", [float(node, node.in(0))], (s, v) => s.op("i2f", s.op("flt", s.f(threshold), v)));
};

/** Elements equal to a value (or NaN, if that is the value) replaced, by one value or by one for each column. */
const imputer = (node: NodeContext): Value => {
  const x = node.in(0);
  const floats = node.floats("imputed_value_floats") ?? [];
  const ints = node.ints("imputed_value_int64s") ?? [];
  const replacedFloat = node.float("replaced_value_float", NaN);
  const replacedInt = node.int("replaced_value_int64", 0);
  if (x.shape.length !== 2) throw node.refuse(`an input of rank ${String(x.shape.length)}, not [rows, features]`);
  if (x.element === "i64") {
    const by = perColumn(node, x, "i64", "imputed_value_int64s", ints);
    return node.lowering.map("i64", [x, by], (s, v, w) => s.select(s.op("ieq", v, s.i(replacedInt)), w, v));
  }
  const by = perColumn(node, float(node, x), "f32", "imputed_value_floats", floats);
  return node.lowering.map("f32", [x, by], (s, v, w) => {
    if (Number.isNaN(replacedFloat)) return s.select(s.op("feq", v, v), v, w);
    return s.select(s.op("feq", v, s.f(replacedFloat)), w, v);
  });
};

/** Columns of several matrices side by side, as floats. */
const featureVectorizer = (node: NodeContext): Value => {
  const widths = node.ints("inputdimensions") ?? [];
  const parts = node.all().map((x) => asFloat(node, x));
  parts.forEach(({ shape }, i) => {
    if (shape.length !== 2) throw node.refuse(`input ${String(i)} of rank ${String(shape.length)}, not 2`);
    if (shape[0] !== parts[0]?.shape[0]) throw node.invalid("inputs of different numbers of rows");
    if (widths[i] !== shape[1]) throw node.invalid(`not the width of input ${String(i)}`, "inputdimensions");
  });
  if (widths.length !== parts.length) throw node.invalid("not one width an input", "inputdimensions");
  return concatenated(node.lowering, parts, 1);
};

/** Elements of the last dimension chosen by indices. */
const arrayFeatureExtractor = (node: NodeContext): Value => {
  const [given, indices] = [node.in(0), node.in(1)];
  if (indices.element !== "i64") throw node.invalid(`indices of type ${indices.element}`);
  const x = given.shape.length === 1 ? reshaped(node.lowering, given, [1, item(given.shape, 0)]) : given;
  const size = lastItem(x.shape);
  if (node.lowering.elements(indices)?.some((index) => Number(index) < 0 || Number(index) >= size)) {
    throw node.invalid("an index is out of range");
  }
  const by = reshaped(node.lowering, indices, [elementCount(indices.shape)]);
  const last = x.shape.length - 1;
  return node.lowering.emit(
    {
      dtype: storageOf(x.element),
      shape: [...x.shape.slice(0, -1), ...by.shape],
      finish: (s, out) => s.load(x, out, { gather: { dimension: last, by, at: [item(out, last)] } }),
    },
    x.element,
  );
};

/** 1 at the place of each element among the categories, in a further dimension. */
const oneHotEncoder = (node: NodeContext): Value => {
  const x = node.in(0);
  const dtype = computable(node, x);
  withoutStrings(node, "cats_strings");
  const categories = node.ints("cats_int64s") ?? [];
  if (categories.length === 0) throw node.invalid("there are no categories", "cats_int64s");
  if (new Set(categories).size !== categories.length) throw node.invalid("a category twice", "cats_int64s");
  if (node.int("zeros", 1) === 0) {
    throw node.refuse("unknown categories are an error of the run, which a program cannot have", "zeros");
  }
  const table = node.lowering.constantOf("i64", [categories.length], categories);
  return node.lowering.emit({
    dtype: "f32",
    shape: [...x.shape, categories.length],
    finish: (s, out) => {
      const v = s.load(x, out.slice(0, -1));
      const hit = s.op("ieq", dtype === "f32" ? s.op("f2i", v) : v, s.load(table, out.slice(-1)));
      return s.op("i2f", hit);
    },
  });
};

interface Entries {
  readonly dtype: "i64" | "f32";
  readonly list: readonly (number | bigint)[];
}

/** The keys or the values of a LabelEncoder: of integers or of floats. */
const labelTable = (node: NodeContext, what: "keys" | "values"): Entries => {
  withoutStrings(node, `${what}_strings`);
  const tensor = node.tensor(`${what}_tensor`);
  if (tensor !== undefined) {
    const { element } = tensor;
    if (element !== "i64" && element !== "f32") throw node.refuse(`element type ${element}`, `${what}_tensor`);
    return { dtype: element, list: [...(tensor.tensor?.data ?? [])] };
  }
  const [ints, floats] = [node.ints(`${what}_int64s`), node.floats(`${what}_floats`)];
  if (ints !== undefined && floats !== undefined) throw node.invalid(`${what} are given twice`, `${what}_floats`);
  if (ints === undefined && floats === undefined) throw node.refuse(`${what} are neither integers nor floats`);
  return floats === undefined ? { dtype: "i64", list: ints ?? [] } : { dtype: "f32", list: floats };
};

/** The value of each element's key; the default where there is no such key. */
const labelEncoder = (node: NodeContext): Value => {
  const x = node.in(0);
  const [keys, values] = [labelTable(node, "keys"), labelTable(node, "values")];
  if (computable(node, x) !== keys.dtype) throw node.invalid(`keys of type ${keys.dtype} for ${x.element}`);
  if (keys.list.length !== values.list.length || keys.list.length === 0) {
    throw node.invalid(`${String(keys.list.length)} keys, ${String(values.list.length)} values`);
  }
  if (new Set(keys.list).size !== keys.list.length) throw node.invalid("a key is given twice");
  // Since opset 4 a NaN is a key like any other.
  const hasNaN = keys.list.some((key) => Number.isNaN(key));
  if (hasNaN && node.opset < 4) throw node.refuse("a key is NaN, which no element equals");
  node.ignore("default_string");
  const [ofInts, ofFloats] = [node.int("default_int64", -1), node.float("default_float", -0)];
  const given = node.tensor("default_tensor");
  if (given !== undefined && given.element !== values.dtype) {
    throw node.invalid(`a default of type ${given.element}`, "default_tensor");
  }
  const fallback = given?.tensor?.data[0] ?? (values.dtype === "i64" ? ofInts : ofFloats);
  const [from, to] = [keys, values].map(({ dtype, list }) => node.lowering.constantOf(dtype, [list.length], list));
  if (from === undefined || to === undefined) throw new RangeError("two tables");
  return node.lowering.emit({
    dtype: values.dtype,
    shape: x.shape,
    fold: {
      dims: [keys.list.length],
      classes: [values.dtype === "i64" ? "int" : "f32"],
      init: (s) => [values.dtype === "i64" ? s.i(fallback) : s.f(Number(fallback))],
      step: (s, out, red) => {
        const [k] = atLeast(red, 1);
        const [element, key] = [s.load(x, out), s.load(from, [k])];
        const equal = s.op(keys.dtype === "i64" ? "ieq" : "feq", element, key);
        const number = (v: Ref): Ref => s.op("feq", v, v);
        const hit = hasNaN ? s.op("ior", equal, s.not(s.op("ior", number(element), number(key)))) : equal;
        return [s.select(hit, s.load(to, [k]), s.accumulator())];
      },
    },
    finish: (s) => s.accumulator(),
  });
};

/** What pipelines do to features before a model, and to labels after it. */
export const FEATURES: readonly Operator[] = [
  ml("Scaler", 1, scaler),
  ml("Normalizer", 1, normalizer),
  ml("Binarizer", 1, binarizer),
  ml("Imputer", 1, imputer),
  ml("FeatureVectorizer", 1, featureVectorizer),
  ml("ArrayFeatureExtractor", 1, arrayFeatureExtractor),
  ml("OneHotEncoder", 1, oneHotEncoder),
  ml("LabelEncoder", 2, labelEncoder),
];
