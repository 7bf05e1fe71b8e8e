import type { Operator } from "../build/node.ts";
import { AXIS } from "./arithmetic/axis.ts";
import { EINSUM } from "./arithmetic/einsum.ts";
import { ELEMENTWISE } from "./arithmetic/elementwise.ts";
import { LINEAR } from "./arithmetic/linear.ts";
import { LOGIC } from "./arithmetic/logic.ts";
import { NORMALIZE } from "./arithmetic/normalize.ts";
import { REDUCE } from "./arithmetic/reduce.ts";
import { SIGNAL } from "./arithmetic/signal.ts";
import { DETERMINANT } from "./arithmetic/determinant.ts";
import { UNARY } from "./arithmetic/unary.ts";
import { FEATURES } from "./classical/features.ts";
import { LINEAR_MODELS } from "./classical/linear-models.ts";
import { SUPPORT_VECTORS } from "./classical/support-vectors.ts";
import { N_GRAMS } from "./classical/n-grams.ts";
import { TREES } from "./classical/trees.ts";
import { FUSED_ACTIVATION } from "./contrib/fused-activation.ts";
import { FUSED } from "./contrib/fused.ts";
import { ATTENTION } from "./neural/attention.ts";
import { CONV_TRANSPOSE } from "./neural/conv-transpose.ts";
import { CONV } from "./neural/conv.ts";
import { LAYER_NORM } from "./neural/layer-norm.ts";
import { LOSS } from "./neural/loss.ts";
import { POOL } from "./neural/pool.ts";
import { COL2IM } from "./neural/col2im.ts";
import { GRID_SAMPLE } from "./neural/grid-sample.ts";
import { LINEAR_ATTENTION } from "./neural/linear-attention.ts";
import { RECURRENT } from "./neural/recurrent.ts";
import { INTEGER_PRODUCTS } from "./quantized/integer-products.ts";
import { MICROSOFT } from "./quantized/microsoft.ts";
import { QLINEAR } from "./quantized/qlinear.ts";
import { QUANTIZE } from "./quantized/quantize.ts";
import { RESIZE } from "./resize/resize.ts";
import { CAST } from "./tensor/cast.ts";
import { CONSTANTS } from "./tensor/constants.ts";
import { CONTROL } from "./tensor/control.ts";
import { CROP } from "./tensor/crop.ts";
import { GATHER } from "./tensor/gather.ts";
import { IMAGE_BLOCKS } from "./tensor/image-blocks.ts";
import { KNOWN } from "./tensor/known.ts";
import { MOVEMENT } from "./tensor/movement.ts";
import { PAD } from "./tensor/pad.ts";
import { SORT } from "./tensor/sort.ts";

/** Rows that accept every element type. */
const anyType = (rows: readonly Operator[]): Operator[] => rows.map((row) => ({ ...row, anyType: true }));

const ROWS: readonly Operator[] = [
  ...ELEMENTWISE,
  ...UNARY,
  ...LOGIC,
  ...anyType(MOVEMENT),
  ...anyType(PAD),
  ...anyType(IMAGE_BLOCKS),
  ...anyType(CONSTANTS),
  ...LINEAR,
  ...CONV,
  ...POOL,
  ...NORMALIZE,
  ...QUANTIZE,
  ...INTEGER_PRODUCTS,
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
  ...LINEAR_ATTENTION,
  ...GRID_SAMPLE,
  ...COL2IM,
  ...SIGNAL,
  ...DETERMINANT,
  ...N_GRAMS,
  ...anyType(CROP),
  ...KNOWN,
  ...REDUCE,
  ...AXIS,
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
