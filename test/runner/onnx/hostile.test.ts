import { readFileSync } from "node:fs";

import { expect } from "chai";
import { type AssayError, isAssayError, type OnnxErrorDetails } from "../../../runner/errors.ts";
import { DTYPES } from "../../../runner/machine/dtype.ts";
import { executeProgram } from "../../../runner/machine/interpreter.ts";
import { product } from "../../../runner/machine/shape.ts";
import type { Program } from "../../../runner/machine/kernel.ts";
import { createRandom, type Random } from "../../../runner/machine/prng.ts";
import { tensorFrom } from "../../../runner/machine/tensor.ts";
import { verifyProgram } from "../../../runner/machine/verify.ts";
import { messageType } from "../../../runner/onnx/file/decode.ts";
import { importModel, type Model } from "../../../runner/onnx/index.ts";
import { OPERATORS } from "../../../runner/onnx/operators/index.ts";
import {
  type Attribute,
  encode,
  onnxFile,
  type TestModel,
  type TestNode,
  type TestTensor,
} from "../../../testing/onnx-model.ts";
import { forest, mlModel, quarters } from "./forests.ts";

/*
 * Models that nobody exported: nodes of every operator with any inputs and attributes, and real models with a field or
 * two changed. An import either gives a program that verifies and runs, or an error of the importer that says where it
 * is; it never fails in another way, and it makes no table or tensor that the file does not have the bytes for.
 */

/** How many models of a sort: `least` by default, more with ASSAY_FUZZ. */
const countOf = (least: number): number => Math.max(least, Number(process.env.ASSAY_FUZZ ?? 0));
const SEED = Number(process.env.ASSAY_SEED ?? 1);

/** How imports of one sort ended. */
interface Outcomes {
  /** Share of the models that were imported. */
  readonly imported: number;
  /** Share of the models refused with each code. */
  readonly refused: Readonly<Record<string, number>>;
  /** Share of the models whose refusal came from a failed internal check, not from a rule that the importer knows. */
  readonly accidental: number;
  /** How many imported programs were run. */
  readonly ran: number;
}

/** Steps of the interpreter that all runs of one sort may take together. */
const MOST_STEPS = 3_000_000;

/** Refusals of the whole model: they have no node and no tensor to name. */
const WHOLE_MODEL =
  /^(the model does not decode|the file has no graph|the graph has no outputs|the graph has a cycle|no node gives output)/;

const stepsOf = ({ kernels }: Program): number =>
  kernels.reduce((sum, { shape, reduce }) => sum + product(shape) * (1 + product(reduce?.dims ?? [])), 0);

/** Runs an imported model on random inputs: every kernel must give a whole tensor of its type. */
function runOnce(random: Random, { program, constants }: Model): void {
  const inputs = program.inputs.map(({ dtype, length }) =>
    tensorFrom(
      dtype,
      Array.from({ length }, () => random.between(0, dtype === "bool" ? 1 : 3)),
    ),
  );
  const trace = executeProgram(program, inputs, constants);
  expect(trace.map(({ dtype, data }) => ({ dtype, length: data.length }))).to.deep.equal(
    program.kernels.map(({ dtype, shape }) => ({ dtype, length: product(shape) })),
  );
}

/** A refusal must be the importer's own, say why, and name the node or the tensor unless it is about the whole model. */
function checkRefusal(error: unknown): AssayError {
  if (!isAssayError(error) || !error.code.startsWith("ONNX_")) throw error;
  const { node, tensor } = error.details as OnnxErrorDetails;
  const place = node ?? tensor ?? "";
  if (!WHOLE_MODEL.test(error.message)) expect(place, `no place in: ${error.message}`).not.to.equal("");
  expect(error.message)
    .to.match(/^.{8,}/)
    .and.to.include(place);
  return error;
}

/** Outcomes of many imports. A failure names the seed of its model. */
function outcomes(count: number, make: (random: Random) => Uint8Array): Outcomes {
  const refused: Record<string, number> = {};
  let [imported, accidental, ran, steps] = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const seed = SEED * 1_000_003 + i;
    const random = createRandom(seed);
    const bytes = make(random);
    try {
      let model: Model;
      try {
        // Tensors of constants are small here, so that a hostile size is refused before it is made.
        model = importModel(bytes, { maxConstantBytes: 2 ** 20, shapes: { N: 1 } });
      } catch (error) {
        const refusal = checkRefusal(error);
        refused[refusal.code] = (refused[refusal.code] ?? 0) + 1 / count;
        if (refusal.message.includes("breaks a rule of its operator")) accidental += 1 / count;
        continue;
      }
      imported += 1 / count;
      verifyProgram(model.program);
      const cost = stepsOf(model.program);
      if (steps + cost > MOST_STEPS) continue;
      steps += cost;
      ran++;
      runOnce(random, model);
    } catch (error) {
      throw new Error(`model of seed ${seed}`, { cause: error });
    }
  }
  return { imported, refused, accidental, ran };
}

const NUMBERS = [0, 1, -1, 2, 3, 4, 7, 8, 16, 255, 65_536, 2 ** 31 - 1, -(2 ** 31), 2 ** 32, 2 ** 40, 2 ** 53 - 1];

/** Mostly small, now and then out of all proportion. */
const number = (random: Random): number => (random.chance(0.9) ? random.between(-1, 4) : random.pick(NUMBERS));

const ATTRIBUTES = (
  "axis axes keepdims perm kernel_shape strides pads dilations group to mode alpha beta num_outputs split k largest " +
  "sorted epsilon hidden_size direction output_padding output_shape auto_pad blocksize value_ints transA transB " +
  "ceil_mode count_include_pad exclusive reverse num_heads K N bits block_size p bias size equation start end depth " +
  "coefficients intercepts classlabels_ints nodes_falsenodeids nodes_truenodeids target_ids post_transform"
).split(" ");
const TEXTS = ["", "linear", "NOTSET", "SAME_UPPER", "VALID", "bidirectional", "ij,jk->ik", "constant", "SOFTMAX"];

const attribute = (random: Random): Attribute => {
  const kind = random.below(4);
  if (kind === 0) return Array.from({ length: random.below(5) }, () => number(random));
  if (kind === 1) return random.pick(TEXTS);
  return kind === 2 ? number(random) + 0.5 : number(random);
};

const tensor = (random: Random): TestTensor => {
  const dtype = random.chance(0.5) ? "f32" : random.pick(DTYPES);
  const shape = Array.from({ length: random.below(5) }, () => random.between(1, 4));
  const length = shape.reduce((n, size) => n * size, 1);
  const value = (): number => (dtype === "bool" ? random.below(2) : random.between(dtype.startsWith("u") ? 0 : -3, 5));
  return { dtype, shape, data: Array.from({ length }, value) };
};

/** One node of the operator: inputs, constants and attributes of any sort, in any number. */
function nodeOf(random: Random, domain: string, op: string): Uint8Array {
  const opset = domain === "" ? random.between(7, 23) : 17;
  const names = Array.from({ length: random.below(7) }, (_, i) => `t${i}`);
  // Half of the nodes get inputs that fit one another, or nearly all would end at the first check.
  const one = random.chance(0.5) ? tensor(random) : undefined;
  const given = names.map((name) => [name, one ?? tensor(random), random.chance(0.5)] as const);
  const node: TestNode = {
    op,
    domain,
    in: names.map((name) => (random.chance(0.1) ? "" : name)),
    out: Array.from({ length: random.between(1, 3) }, (_, i) => `y${i}`),
    attributes: Object.fromEntries(
      Array.from({ length: Math.max(0, random.between(-3, 3)) }, () => [random.pick(ATTRIBUTES), attribute(random)]),
    ),
  };
  const named = (constant: boolean): Record<string, TestTensor> =>
    Object.fromEntries(given.filter(([, , is]) => is === constant).map(([name, value]) => [name, value]));
  return onnxFile({ opset, inputs: named(false), constants: named(true), nodes: [node], outputs: ["y0"] });
}

type Fields = Record<string, unknown>;

/** Every value in a decoded message with its place: fields of messages and elements of lists. */
function placesOf(value: unknown, found: { readonly owner: Fields; readonly key: string }[] = []): typeof found {
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return found;
  for (const [key, inner] of Object.entries(value)) {
    found.push({ owner: value as Fields, key });
    placesOf(inner, found);
  }
  return found;
}

/** Another value of the same sort; messages stay what they are. */
function changed(random: Random, value: unknown): unknown {
  if (typeof value === "number") return random.chance(0.3) ? value + random.between(-2, 2) : random.pick(NUMBERS);
  if (typeof value === "string")
    return random.pick(["", "x", `${value}1`, random.pick([...OPERATORS.keys()]).slice(2)]);
  if (value instanceof Uint8Array) {
    return random.chance(0.5) ? value.slice(0, random.below(value.length + 1)) : value.map((byte) => byte ^ 0xff);
  }
  if (!Array.isArray(value)) return value;
  const list: readonly unknown[] = value;
  return random.pick([[], [...list, ...list], [...list].reverse(), list.slice(1)]);
}

/** A forest and a support vector machine, whose tables refer to one another. */
function classicalModels(): readonly TestModel[] {
  const growth = { trees: 3, depth: 3, features: 4, targets: () => [0, 1, 2], weight: () => 0.5 };
  const x = quarters(2, 4);
  const ones = (length: number): Attribute => ({ floats: Array.from({ length }, () => 1) });
  const vectors = {
    kernel_type: "RBF",
    kernel_params: ones(3),
    vectors_per_class: [2, 1, 2],
    support_vectors: ones(20),
    coefficients: ones(10),
    rho: ones(3),
    classlabels_ints: [1, 2, 3],
  };
  return [
    mlModel("TreeEnsembleRegressor", x, { n_targets: 3, ...forest("target", { ...growth, missing: true }) }),
    mlModel("TreeEnsembleClassifier", x, { classlabels_int64s: [1, 2, 3], ...forest("class", growth) }, ["l", "s"]),
    mlModel("SVMClassifier", x, vectors, ["l", "s"]),
  ];
}

describe("importModel, given what nobody exported", () => {
  const nodes = countOf(1500);
  it(`takes or refuses each of ${nodes.toLocaleString("en")} nodes of any operator, inputs and attributes`, () => {
    const operators = [...OPERATORS.keys()].map((key) => key.split("::") as [string, string]);
    const found = outcomes(nodes, (random) => nodeOf(random, ...random.pick(operators)));
    expect(found.imported).to.be.within(0.02, 0.1);
    expect(found.refused["ONNX_UNSUPPORTED"]).to.be.within(0.4, 0.7);
    expect(found.refused["ONNX_INVALID"]).to.be.within(0.25, 0.55);
    expect(found.accidental).to.be.below(0.06);
    expect(found.ran).to.be.greaterThan(nodes / 100);
  });

  const files: readonly (readonly [name: string, least: number, bytes: () => Uint8Array])[] = [
    ["models/digits/digits.onnx", 250, () => readFileSync("models/digits/digits.onnx")],
    ["models/digits/digits.int8.onnx", 250, () => readFileSync("models/digits/digits.int8.onnx")],
    ...classicalModels().map((model) => [model.nodes[0]?.op ?? "", 500, () => onnxFile(model)] as const),
  ];
  for (const [name, least, bytes] of files) {
    const count = countOf(least);
    it(`takes or refuses ${name} with fields changed, ${count.toLocaleString("en")} times`, () => {
      const type = messageType("ModelProto");
      const whole = bytes();
      const found = outcomes(count, (random) => {
        const model = type.toObject(type.decode(whole), { longs: Number });
        for (let n = random.between(1, 2); n > 0; n--) {
          const { owner, key } = random.pick(placesOf(model["graph"]));
          owner[key] = changed(random, owner[key]);
        }
        return encode("ModelProto", model);
      });
      // A field that says nothing to the program (a name, a producer) leaves the model valid; most others do not.
      expect(found.imported).to.be.within(0.1, 0.7);
      expect(found.refused["ONNX_INVALID"]).to.be.within(0.25, 0.7);
      expect(found.refused["ONNX_UNSUPPORTED"]).to.be.within(0.02, 0.25);
      expect(found.accidental).to.be.below(0.03);
      expect(found.ran).to.be.greaterThan(4);
    });
  }
});
