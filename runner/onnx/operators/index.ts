import { CAST } from "./cast.ts";
import { GATHER } from "./gather.ts";
import { REDUCE } from "./reduce.ts";
import { LAYER_NORM } from "./layerNorm.ts";
import { CONTROL } from "./control.ts";
import { RESIZE } from "./resize.ts";
import { LOSS } from "./loss.ts";
import { SORT } from "./sort.ts";
import { EINSUM } from "./einsum.ts";
import { CONV_TRANSPOSE } from "./convTranspose.ts";
import { ATTENTION } from "./attention.ts";
import { RECURRENT } from "./recurrent.ts";
import { MICROSOFT } from "./microsoft.ts";
import type { Operator } from "../node.ts";
import { CONSTANTS } from "./constants.ts";
import { CONV } from "./conv.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { LINEAR } from "./linear.ts";
import { LOGIC } from "./logic.ts";
import { MOVEMENT } from "./movement.ts";
import { NORMALIZE } from "./normalize.ts";
import { POOL } from "./pool.ts";
import { FUSED } from "./fused.ts";
import { FUSED_ACTIVATION } from "./fusedActivation.ts";
import { QLINEAR } from "./qlinear.ts";
import { QUANTIZE } from "./quantize.ts";
import { FEATURES } from "./features.ts";
import { LINEAR_MODELS } from "./linearModels.ts";
import { SUPPORT_VECTORS } from "./supportVectors.ts";
import { TREES } from "./trees.ts";

/** Rows that accept every element type. */
const anyType = (rows: readonly Operator[]): Operator[] => rows.map((row) => ({ ...row, anyType: true }));

const ROWS: readonly Operator[] = [
  ...ELEMENTWISE,
  ...LOGIC,
  ...anyType(MOVEMENT),
  ...anyType(CONSTANTS),
  ...LINEAR,
  ...CONV,
  ...POOL,
  ...NORMALIZE,
  ...QUANTIZE,
  ...MICROSOFT,
  ...QLINEAR,
  ...FUSED,
  ...FUSED_ACTIVATION,
  ...RECURRENT,
  ...ATTENTION,
  ...CONV_TRANSPOSE,
  ...EINSUM,
  ...SORT,
  ...LOSS,
  ...RESIZE,
  ...anyType(CONTROL),
  ...LAYER_NORM,
  ...FEATURES,
  ...LINEAR_MODELS,
  ...SUPPORT_VECTORS,
  ...TREES,
  ...REDUCE,
  ...anyType(GATHER),
  ...anyType(CAST),
];

/** The operator table, by `domain::name`. */
export const OPERATORS: ReadonlyMap<string, readonly Operator[]> = ROWS.reduce(
  (table, row) => table.set(`${row.domain}::${row.name}`, [...(table.get(`${row.domain}::${row.name}`) ?? []), row]),
  new Map<string, readonly Operator[]>(),
);

/** What to do instead, for operators that the machine cannot have, by `domain::name`. */
export const REMEDIES: ReadonlyMap<string, string> = new Map([
  ["ai.onnx.ml::ZipMap", "it makes maps of the scores; export with zipmap=False to get them as a tensor"],
  ["ai.onnx.ml::CastMap", "it reads maps; export with tensors"],
  ["ai.onnx.ml::DictVectorizer", "it reads maps; export with tensors"],
  ["ai.onnx.ml::CategoryMapper", "it maps strings; export with integer categories"],
]);
