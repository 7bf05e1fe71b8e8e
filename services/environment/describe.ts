import { isError } from "ethers";

import { isAssayError } from "../../runner/errors.ts";
import { decodeRevert, revertText } from "../../runner/protocol/revert.ts";

/**
 * An error in one line for a person: what a contract refused by the name and arguments of its error, what this package
 * throws by its code, what a chain or network refused in short. Only a mistake of the program itself has a stack.
 */
export function describeError(error: unknown): string {
  const data = revertDataOf(error);
  if (data !== undefined) {
    const revert = decodeRevert(data);
    return `the contract refused: ${revert === undefined ? `an unknown error (${data})` : revertText(revert)}`;
  }
  if (isAssayError(error)) return `error ${error.code}: ${error.message}`;
  if (!(error instanceof Error)) return String(error);
  // What fetch says itself is no reason: that is its cause, which has no words when several addresses were tried.
  if (error.message === "fetch failed" && error.cause instanceof Error) {
    const { message, code = "no connection" } = error.cause as Error & { readonly code?: string };
    return message === "" ? code : message;
  }
  if (isProgramError(error)) return error.stack ?? error.message;
  if ("shortMessage" in error && typeof error.shortMessage === "string") return error.shortMessage;
  return error.message;
}

/** What only a mistake in code throws. */
const isProgramError = (error: Error): boolean =>
  [TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => error instanceof kind) && !("code" in error);

/** The data of a revert, wherever in an error ethers, Hardhat or a node put them. */
function revertDataOf(error: unknown): string | undefined {
  if (isError(error, "CALL_EXCEPTION") && isRevertData(error.data)) return error.data;
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 8; depth++) {
    const { data, info, error: inner, cause } = at as Readonly<Record<string, unknown>>;
    if (isRevertData(data)) return data;
    if (typeof data === "object" && data !== null && "data" in data && isRevertData(data.data)) return data.data;
    at = info ?? inner ?? cause;
  }
  return undefined;
}

const isRevertData = (data: unknown): data is string => typeof data === "string" && /^0x([0-9a-f]{2}){4,}$/i.test(data);
