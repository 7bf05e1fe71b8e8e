import { AbiCoder, dataSlice, isHexString } from "ethers";

import { ENUMS } from "./enums.ts";
import { ERRORS } from "./errors.ts";
import { nameOf } from "./name-of.ts";

/** A decoded revert. */
export interface Revert {
  readonly name: string;
  /** In the order of the error's arguments; a code of an enum is its name. */
  readonly args: readonly string[];
}

/** The two errors that the language itself has. */
const BUILT_IN: Readonly<Record<string, string>> = {
  "0x08c379a0": "Error(string reason)",
  "0x4e487b71": "Panic(uint256 code)",
};

/** What a contract reverted with; undefined when the data are no error that is known here. */
export function decodeRevert(data: string): Revert | undefined {
  if (!isHexString(data) || data.length < 10) return undefined;
  const selector = data.slice(0, 10);
  const signature = BUILT_IN[selector] ?? ERRORS[selector];
  if (signature === undefined) return undefined;
  const [name = "", list = ""] = signature.slice(0, -1).split("(");
  const types = list.split(", ").flatMap((input) => input.split(" ")[0] || []);
  try {
    const abiTypes = types.map((type) => (codesOf(type) === undefined ? type : "uint8"));
    const values: readonly unknown[] = AbiCoder.defaultAbiCoder().decode(abiTypes, dataSlice(data, 4));
    return { name, args: types.map((type, i) => textOf(type, values[i])) };
  } catch {
    // The selector is known, but what follows are not its arguments: another error with the same four bytes.
    return undefined;
  }
}

/** A revert as a person reads it: `OperatorTombstoned(0x…)`. */
export const revertText = ({ name, args }: Revert): string => `${name}(${args.join(", ")})`;

const codesOf = (type: string): Readonly<Record<string, bigint>> | undefined =>
  Object.entries(ENUMS).find(([name]) => name === type)?.[1];

function textOf(type: string, value: unknown): string {
  const codes = codesOf(type);
  return codes !== undefined && typeof value === "bigint" ? nameOf(type, codes, value) : String(value);
}
