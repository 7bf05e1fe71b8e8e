import { item } from "../../items.ts";
import { DTYPE_BYTES } from "../../machine/dtype.ts";
import type { Operand, Program, TensorType } from "../../machine/kernel.ts";
import { product } from "../../machine/shape.ts";
import { Arena } from "./arena.ts";
import type { Unit } from "./fuse.ts";
import { type Call, type KernelRoutine, ModuleBuilder, type Routine } from "./module.ts";

/** A kernel: what packs its operands, then itself. */
export interface Step {
  readonly kernel: number;
  readonly calls: readonly Call[];
  /** Address of its output. */
  readonly at: number;
}

/** A packed constant. */
interface PackedConstant {
  readonly constant: number;
  readonly at: number;
  /** Where the constant lies while it is packed: itself, or after the panel, where nothing is yet. */
  readonly from: number;
  readonly copies: readonly Routine[];
}

/** A program in a module, and where everything lies in its memory. */
export interface Layout {
  readonly module: Uint8Array<ArrayBuffer>;
  /** Bytes of memory. */
  readonly bytes: number;
  /** Addresses of the inputs; undefined for one that nothing reads. */
  readonly inputs: readonly (number | undefined)[];
  /** Addresses of the constants that kernels read themselves. */
  readonly constants: ReadonlyMap<number, number>;
  /** In the order in which they must be packed. */
  readonly packed: readonly PackedConstant[];
  readonly steps: readonly Step[];
}

const PAGE = 65536;
/** Memory beyond which a program is not for this backend. */
const MOST_BYTES = 2 ** 32 - PAGE;

const bytesOf = ({ dtype, length }: TensorType): number => length * DTYPE_BYTES[dtype];

/** The layout of a program's units; undefined when it would take 4 GiB or more. */
export function layOut(program: Program, units: readonly Unit[], shared = false): Layout | undefined {
  const builder = new ModuleBuilder();
  const routines = units.map(({ loops, operands }) =>
    builder.kernel(loops, (operand) => item(operands, operand).space === "constant"),
  );
  const fixed = placeConstants(program, units, routines);
  if (fixed.end > MOST_BYTES) return undefined;
  const arena = new Arena(fixed.end);
  const lives = lastReaders(program, units);
  const alive = new Map<string, number>();
  const place = (key: string, type: TensorType): number => {
    const at = arena.place(bytesOf(type));
    alive.set(key, at);
    return at;
  };
  const endAfter = (unit: number): void => {
    for (const [key, at] of alive) {
      if ((lives.get(key) ?? -1) > unit) continue;
      arena.free(at);
      alive.delete(key);
    }
  };
  const inputs = program.inputs.map((type, i) =>
    lives.has(`input ${String(i)}`) ? place(`input ${String(i)}`, type) : undefined,
  );
  const steps = units.map(({ kernel, operands: read }, u): Step => {
    const routine = item(routines, u);
    const { dtype, shape } = item(program.kernels, kernel);
    const at = place(`kernel ${String(kernel)}`, { dtype, length: product(shape) });
    const addressOf = ({ space, index }: Operand): number =>
      (space === "constant" ? fixed.constants.get(index) : alive.get(`${space} ${String(index)}`)) ?? 0;
    const operands = read.map(addressOf);
    const calls: Call[] = [];
    const scratch: number[] = [];
    const panels = routine.panels.map(({ panel, copies }) => {
      const operand = item(read, panel.operand);
      if (operand.space === "constant") return item(fixed.packed, fixed.find(operand.index, copies)).at;
      const packedAt = arena.place(panel.length * DTYPE_BYTES[operand.dtype]);
      scratch.push(packedAt);
      for (const copy of copies) calls.push({ routine: copy, addresses: [packedAt, item(operands, panel.operand)] });
      return packedAt;
    });
    calls.push({ routine, addresses: [at, ...operands, ...panels] });
    for (const address of scratch) arena.free(address);
    endAfter(u);
    return { kernel, calls, at };
  });
  const staged = fixed.packed.map(({ constant, from }) => from + bytesOf(item(program.constants, constant)));
  const bytes = staged.reduce((most, end) => Math.max(most, end), arena.end);
  if (bytes > MOST_BYTES) return undefined;
  return {
    module: builder.assemble(shared),
    bytes: Math.ceil(bytes / PAGE) * PAGE,
    inputs,
    constants: fixed.constants,
    packed: fixed.packed,
    steps,
  };
}

/**
 * Places the constants that kernels read, then once each panel of a constant, the largest first: while a panel is filled,
 * what it is made of lies where later panels will be, so that packing takes little memory of its own.
 */
function placeConstants(program: Program, units: readonly Unit[], routines: readonly KernelRoutine[]) {
  const arena = new Arena(64);
  const constants = new Map<number, number>();
  const panels = new Map<
    string,
    { readonly constant: number; readonly bytes: number; readonly copies: readonly Routine[] }
  >();
  const keyOf = (constant: number, copies: readonly Routine[]): string =>
    [constant, ...copies.flatMap(({ number, tiles }) => [number, tiles])].join();
  units.forEach(({ operands }, u) => {
    const routine = item(routines, u);
    operands.forEach(({ space, index }, i) => {
      if (space !== "constant" || constants.has(index) || !item(routine.direct, i)) return;
      constants.set(index, arena.place(bytesOf(item(program.constants, index))));
    });
    for (const { panel, copies } of routine.panels) {
      const { space, index, dtype } = item(operands, panel.operand);
      if (space !== "constant") continue;
      panels.set(keyOf(index, copies), { constant: index, bytes: panel.length * DTYPE_BYTES[dtype], copies });
    }
  });
  const numbers = new Map<string, number>();
  const packed: PackedConstant[] = [];
  for (const [key, { constant, bytes, copies }] of [...panels].sort(([, a], [, b]) => b.bytes - a.bytes)) {
    const at = arena.place(bytes);
    numbers.set(key, packed.push({ constant, at, from: constants.get(constant) ?? arena.end, copies }) - 1);
  }
  const find = (constant: number, copies: readonly Routine[]): number => numbers.get(keyOf(constant, copies)) ?? -1;
  return { constants, packed, find, end: arena.end };
}

/** The last unit that reads each input and each kernel's output; the program's outputs live to the end. */
function lastReaders(program: Program, units: readonly Unit[]): Map<string, number> {
  const last = new Map<string, number>();
  units.forEach(({ operands }, u) => {
    for (const { space, index } of operands) if (space !== "constant") last.set(`${space} ${String(index)}`, u);
  });
  for (const output of program.outputs) last.set(`kernel ${String(output)}`, Infinity);
  return last;
}
