/**
 * Every error that this package throws on purpose, with the details that come with it. The union is closed: a caller
 * can switch over `code`. Messages name the thing and, where there is one, the remedy.
 */
export interface AssayErrorDetails {
  /** Bytes that are not an encoded kernel. `offset` is where reading stopped. */
  readonly KERNEL_ENCODING: { readonly offset: number; readonly reason: string };
  /** A kernel that breaks a rule of docs/tensor-machine.md section 2. `kernel` is its index, when it has one. */
  readonly KERNEL_INVALID: { readonly kernel?: number; readonly field: string; readonly reason: string };
  /** A program that breaks a rule outside its kernels (inputs, constants, outputs). */
  readonly PROGRAM_INVALID: { readonly field: string; readonly reason: string };
  /** A tensor of another dtype or another length than expected. */
  readonly TENSOR_MISMATCH: { readonly name: string; readonly expected: string; readonly actual: string };
  /** A value outside its range: lengths, element indices, leaf ranges, budgets. */
  readonly OUT_OF_RANGE: { readonly name: string; readonly value: number | bigint; readonly range: string };
  /** A Merkle proof or a commitment that does not lead to the root it should. */
  readonly COMMITMENT_MISMATCH: { readonly name: string; readonly expected: string; readonly actual: string };
  /** Bytes of a stored blob that do not hash to its name. */
  readonly STORE_CORRUPT: { readonly id: string; readonly path: string };
  /** A blob that the store does not hold. */
  readonly STORE_MISSING: { readonly id: string };
  /** The traces agree: there is nothing to prove. */
  readonly NO_FAULT: { readonly reason: string };
  /** Data that the operator published do not hash to the roots it committed. */
  readonly TRACE_UNFAITHFUL: { readonly kernel: number; readonly expected: string; readonly actual: string };
  /** Bytes that are not a whole ONNX model, or tensors whose data and dimensions differ. */
  readonly ONNX_MALFORMED: OnnxErrorDetails;
  /** A model that breaks a rule of ONNX: cycles, names defined twice or never, shapes that do not fit. */
  readonly ONNX_INVALID: OnnxErrorDetails;
  /** An operator, attribute, opset or type that the importer does not support. */
  readonly ONNX_UNSUPPORTED: OnnxErrorDetails;
  /** An input dimension without a size. */
  readonly ONNX_SHAPE_UNBOUND: OnnxErrorDetails;
  /** Tensor data in another file that is missing, too short or outside the model's folder. */
  readonly ONNX_EXTERNAL_DATA: OnnxErrorDetails;
  /** A model that is over a limit of the importer: elements, nesting, unrolled nodes. */
  readonly ONNX_LIMIT: OnnxErrorDetails;
  /** A file that cannot be opened: missing, not a regular file, no permission, too large. */
  readonly FILE_UNREADABLE: { readonly path: string; readonly reason: string };
  /** A file or folder that cannot be written. */
  readonly FILE_UNWRITABLE: { readonly path: string; readonly reason: string };
  /** A file that breaks its own format. */
  readonly FILE_MALFORMED: { readonly path: string; readonly reason: string };
  /** A valid file whose content is not supported; the message says what to do instead. */
  readonly FILE_UNSUPPORTED: { readonly path: string; readonly reason: string };
  /** Inputs that are missing, or that the model does not have. */
  readonly INPUT_NAMES: { readonly missing: readonly string[]; readonly unknown: readonly string[] };
  /** A command line with an option or a value that is missing or wrong. */
  readonly USAGE: { readonly option: string; readonly reason: string };
  /** A package that this one command needs and that is not installed. */
  readonly DEPENDENCY_MISSING: { readonly package: string; readonly neededBy: string };
  /** An option of a script with a wrong value. */
  readonly OPTION_INVALID: { readonly name: string; readonly value: string; readonly remedy: string };
  /** The suite is not deployed on a chain, as far as `deployments/` knows. */
  readonly DEPLOYMENT_MISSING: { readonly chainId: number; readonly file: string };
  /** A chain without opcodes, precompiles or system contracts that the suite stands on. */
  readonly CHAIN_LACKS: { readonly chainId: number; readonly missing: readonly string[] };
  /** A blob that cannot be fetched from its location. */
  readonly BLOB_UNAVAILABLE: { readonly location: string; readonly reason: string };
  /** An execution of a model that did not end: too little memory, for example. */
  readonly EXECUTION_FAILED: { readonly reason: string };
  /** A mode of evidence that this operator cannot provide. */
  readonly EVIDENCE_UNSUPPORTED: { readonly mode: string };
  /** A node of a chain that does not answer, or whose answer is not valid. */
  readonly RPC_UNUSABLE: { readonly reason: string };
  /** A call that would not fit one transaction. */
  readonly TRANSACTION_TOO_LARGE: { readonly size: string };
  /** A transaction that was included, but that the contract refused there. */
  readonly TRANSACTION_REFUSED: { readonly hash: string };
  /** What the owner allows transactions to cost is spent, or gas costs more than that. */
  readonly BUDGET_SPENT: { readonly reason: string };
  /** A transaction that was not sent because the owner wants none sent. */
  readonly DRY_RUN: { readonly gas: bigint };
  /** A host and port that a server cannot listen on. */
  readonly ADDRESS_UNUSABLE: { readonly address: string; readonly reason: string };
  /** An account that cannot do what it is to do; the message says what is missing. */
  readonly NOT_READY: { readonly reasons: readonly string[] };
  /** Mistakes in a configuration file, all of them. */
  readonly CONFIGURATION_INVALID: { readonly file: string; readonly mistakes: readonly string[] };
  /** A round whose signature none of the configured beacons gives. */
  readonly BEACON_UNAVAILABLE: { readonly round: bigint; readonly reasons: readonly string[] };
  /** Bytes of a randomness beacon that are not a signature. */
  readonly BEACON_MALFORMED: { readonly reason: string };
  /** The work was stopped through its AbortSignal. */
  readonly ABORTED: { readonly task: string };
}

/** Where in an ONNX model an import stopped, and what to do about it. */
export interface OnnxErrorDetails {
  readonly node?: string;
  readonly opType?: string;
  readonly domain?: string;
  readonly attribute?: string;
  readonly tensor?: string;
  readonly remedy?: string;
}

export type AssayErrorCode = keyof AssayErrorDetails;

/** The one error class. `code` says what kind, `details` says which. */
export class AssayError<C extends AssayErrorCode = AssayErrorCode> extends Error {
  override readonly name = "AssayError";
  readonly code: C;
  readonly details: AssayErrorDetails[C];

  constructor(code: C, message: string, details: AssayErrorDetails[C], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

/** Whether `error` is an AssayError, of the given code when one is given. */
export function isAssayError<C extends AssayErrorCode = AssayErrorCode>(
  error: unknown,
  code?: C,
): error is AssayError<C> {
  return error instanceof AssayError && (code === undefined || error.code === code);
}

/** Throws `ABORTED` when the signal has fired. Long work calls it between slices. */
export function throwIfAborted(signal: AbortSignal | undefined, task: string): void {
  if (signal?.aborted === true) {
    throw new AssayError("ABORTED", `${task} was aborted`, { task }, { cause: signal.reason });
  }
}
