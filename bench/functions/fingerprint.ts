import { item } from "../../runner/items.ts";
import { type Hash, keccak256, toHash } from "../../runner/commitment/keccak.ts";
import { encodeKernel } from "../../runner/machine/encoding.ts";
import { tensorBytes } from "../../runner/machine/tensor.ts";
import { readJson } from "../../runner/files/read.ts";
import { Fields } from "../../runner/files/fields.ts";
import { SUBJECTS, type Subject } from "./list.ts";
import { argumentsOf, compileSubject } from "./measure.ts";
import { DENSE, EVEN } from "./sample.ts";

/** Arguments of each half of the sample at which the references are compared. */
const REFERENCE_ARGUMENTS = 256;

const ORACLE = new URL("../../node_modules/onnxruntime-web/package.json", import.meta.url).pathname;

/**
 * Hash of all that the figures follow from: the functions' kernels and constants, which define every bit of the results,
 * the sample, some values of each reference, and the version of onnxruntime-web. Computed without measuring anything.
 */
export const fingerprint = (): Hash => {
  const oracle = new Fields(ORACLE, readJson(ORACLE), "the package").text("version");
  const parts = SUBJECTS.map(partOf);
  return toHash(keccak256(new TextEncoder().encode(JSON.stringify([EVEN, DENSE, oracle, parts]))));
};

const partOf = (subject: Subject): unknown => {
  const operands = argumentsOf(subject, REFERENCE_ARGUMENTS, REFERENCE_ARGUMENTS);
  const { program, constants } = compileSubject(subject, operands.length);
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  const exact = item(operands, 0).map((_, i) => {
    const [x = NaN, y = NaN] = operands.map((values) => item(values, i));
    return String(subject.exact(x, y));
  });
  return [
    ...[subject.name, subject.domain, subject.usual, exact],
    ...[
      program.kernels.map((kernel) => hex(encodeKernel(kernel))),
      constants.map((tensor) => hex(tensorBytes(tensor))),
    ],
  ];
};
