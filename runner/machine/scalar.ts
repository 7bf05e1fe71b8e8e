import type { RegisterClass } from "./dtype.ts";

/**
 * The scalar instructions. `takes` lists the classes of `a`, `b`, `c`; every `any` of an instruction is the same class.
 * `runner/machine/interpreter.ts` defines their arithmetic, `docs/tensor-machine.md` describes it.
 */
export const OPCODES = {
  fadd: { code: 0x01, takes: ["f32", "f32"], gives: "f32" },
  fsub: { code: 0x02, takes: ["f32", "f32"], gives: "f32" },
  fmul: { code: 0x03, takes: ["f32", "f32"], gives: "f32" },
  fdiv: { code: 0x04, takes: ["f32", "f32"], gives: "f32" },
  fsqrt: { code: 0x05, takes: ["f32"], gives: "f32" },
  fneg: { code: 0x06, takes: ["f32"], gives: "f32" },
  fabs: { code: 0x07, takes: ["f32"], gives: "f32" },
  fmin: { code: 0x08, takes: ["f32", "f32"], gives: "f32" },
  fmax: { code: 0x09, takes: ["f32", "f32"], gives: "f32" },
  ffloor: { code: 0x0a, takes: ["f32"], gives: "f32" },
  fceil: { code: 0x0b, takes: ["f32"], gives: "f32" },
  ftrunc: { code: 0x0c, takes: ["f32"], gives: "f32" },
  frint: { code: 0x0d, takes: ["f32"], gives: "f32" },
  feq: { code: 0x0e, takes: ["f32", "f32"], gives: "int" },
  flt: { code: 0x0f, takes: ["f32", "f32"], gives: "int" },
  fle: { code: 0x10, takes: ["f32", "f32"], gives: "int" },
  f2i: { code: 0x11, takes: ["f32"], gives: "int" },
  i2f: { code: 0x12, takes: ["int"], gives: "f32" },
  u2f: { code: 0x13, takes: ["int"], gives: "f32" },
  fbits: { code: 0x14, takes: ["f32"], gives: "int" },
  bitsf: { code: 0x15, takes: ["int"], gives: "f32" },

  iadd: { code: 0x20, takes: ["int", "int"], gives: "int" },
  isub: { code: 0x21, takes: ["int", "int"], gives: "int" },
  imul: { code: 0x22, takes: ["int", "int"], gives: "int" },
  idiv: { code: 0x23, takes: ["int", "int"], gives: "int" },
  irem: { code: 0x24, takes: ["int", "int"], gives: "int" },
  udiv: { code: 0x25, takes: ["int", "int"], gives: "int" },
  urem: { code: 0x26, takes: ["int", "int"], gives: "int" },
  iand: { code: 0x27, takes: ["int", "int"], gives: "int" },
  ior: { code: 0x28, takes: ["int", "int"], gives: "int" },
  ixor: { code: 0x29, takes: ["int", "int"], gives: "int" },
  ishl: { code: 0x2a, takes: ["int", "int"], gives: "int" },
  ishr: { code: 0x2b, takes: ["int", "int"], gives: "int" },
  ushr: { code: 0x2c, takes: ["int", "int"], gives: "int" },
  imin: { code: 0x2d, takes: ["int", "int"], gives: "int" },
  imax: { code: 0x2e, takes: ["int", "int"], gives: "int" },
  ieq: { code: 0x2f, takes: ["int", "int"], gives: "int" },
  ilt: { code: 0x30, takes: ["int", "int"], gives: "int" },
  ult: { code: 0x31, takes: ["int", "int"], gives: "int" },
  wrap: { code: 0x32, takes: ["int"], gives: "int" },

  select: { code: 0x40, takes: ["int", "any", "any"], gives: "any" },
  index: { code: 0x41, takes: [], gives: "int" },
} as const satisfies Record<string, OpcodeRow>;

export interface OpcodeRow {
  readonly code: number;
  readonly takes: readonly (RegisterClass | "any")[];
  readonly gives: RegisterClass | "any";
}

export type Opcode = keyof typeof OPCODES;
