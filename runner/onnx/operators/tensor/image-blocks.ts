import { atLeast } from "../../../items.ts";
import { type NodeContext, onnx, type Operator } from "../../build/node.ts";
import { type Value } from "../../build/value.ts";
import { permuted } from "../../build/view.ts";
import { reshaped } from "./movement.ts";

/** The sizes of an image: batch, channels, height and width. */
const imageSizes = (node: NodeContext, x: Value): readonly [number, number, number, number, ...number[]] => {
  if (x.shape.length !== 4) throw node.invalid(`an input of rank ${String(x.shape.length)}, not 4`);
  return atLeast(x.shape, 4);
};

const blocks = (node: NodeContext): number => {
  const size = node.int("blocksize", 0);
  if (size < 1) throw node.invalid("blocksize is missing", "blocksize");
  return size;
};

const depthToSpace = (node: NodeContext): Value => {
  const x = node.in(0);
  const [n, c, h, w] = imageSizes(node, x);
  const k = blocks(node);
  const mode = node.string("mode", "DCR");
  if (c % (k * k) !== 0) throw node.invalid("channels do not divide by blocksize squared");
  const depth = c / (k * k);
  const wide =
    mode === "DCR"
      ? permuted(reshaped(node.lowering, x, [n, k, k, depth, h, w]), [0, 3, 4, 1, 5, 2])
      : permuted(reshaped(node.lowering, x, [n, depth, k, k, h, w]), [0, 1, 4, 2, 5, 3]);
  return reshaped(node.lowering, wide, [n, depth, h * k, w * k]);
};

const spaceToDepth = (node: NodeContext): Value => {
  const x = node.in(0);
  const [n, c, h, w] = imageSizes(node, x);
  const k = blocks(node);
  if (h % k !== 0 || w % k !== 0) throw node.invalid("height or width do not divide by blocksize");
  const blocksApart = permuted(reshaped(node.lowering, x, [n, c, h / k, k, w / k, k]), [0, 3, 5, 1, 2, 4]);
  return reshaped(node.lowering, blocksApart, [n, c * k * k, h / k, w / k]);
};

/** Operators that move blocks of an image into channels and back. */
export const IMAGE_BLOCKS: readonly Operator[] = [
  onnx("DepthToSpace", 1, depthToSpace),
  onnx("SpaceToDepth", 1, spaceToDepth),
];
