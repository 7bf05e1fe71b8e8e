import type { ContractTransaction, TransactionReceipt, Signer } from "ethers";

import { AssayError, isAssayError } from "../../runner/errors.ts";

/** Included: what was sent, and what the chain says of it. */
export interface Sent {
  readonly receipt: TransactionReceipt;
  readonly data: string;
}

/** Sends the transactions of one account, one after the other. */
export interface Sender {
  /**
   * Sends a call and waits until it is included.
   * @throws AssayError TRANSACTION_TOO_LARGE when it would not fit a transaction, RPC_UNUSABLE; what a contract refuses it
   * with.
   */
  readonly send: (call: ContractTransaction) => Promise<Sent>;
}

/** EIP-7825: the gas that one transaction may have. */
export const TRANSACTION_GAS = 16_777_216n;
/** Bytes of data that nodes pass on. */
const TRANSACTION_BYTES = 128 << 10;

/** What nodes say to a transaction that is too large: there is no code for it. */
const TOO_LARGE =
  /exceeds (the )?(block|transaction)('s)? gas|gas limit (is )?(too high|exceeded|reached)|tx gas limit|intrinsic gas|out of gas|oversized/i;
/** The gas that geth tried. Less than a transaction may have means that the account has too little ether. */
const ALLOWANCE = /gas required exceeds allowance \(([0-9]+)\)/;

/** Whether a transaction failed for its size alone, so that a smaller one may pass. */
export function isTooLarge(error: unknown): boolean {
  if (isAssayError(error)) return error.code === "TRANSACTION_TOO_LARGE";
  if (!(error instanceof Error)) return false;
  const allowance = ALLOWANCE.exec(error.message)?.[1];
  if (allowance !== undefined) return BigInt(allowance) >= TRANSACTION_GAS;
  return TOO_LARGE.test(error.message);
}

/**
 * Gas for a call, with some room: between the estimate and the block other transactions may change what it finds.
 * @throws AssayError TRANSACTION_TOO_LARGE; what a contract refuses the call with.
 */
export async function gasFor(signer: Signer, call: ContractTransaction): Promise<bigint> {
  const bytes = (call.data.length - 2) / 2;
  if (bytes > TRANSACTION_BYTES) throw tooLarge(`${String(bytes)} bytes of data`);
  let estimate: bigint;
  try {
    estimate = await signer.estimateGas(call);
  } catch (error) {
    if (isTooLarge(error)) throw tooLarge(error instanceof Error ? error.message : String(error), { cause: error });
    throw error;
  }
  if (estimate > TRANSACTION_GAS) throw tooLarge(`${String(estimate)} gas`);
  const roomy = estimate + estimate / 5n + 20_000n;
  return roomy > TRANSACTION_GAS ? TRANSACTION_GAS : roomy;
}

const tooLarge = (size: string, options?: ErrorOptions): AssayError<"TRANSACTION_TOO_LARGE"> =>
  new AssayError("TRANSACTION_TOO_LARGE", `it does not fit a transaction: ${size}`, { size }, options);

/** Sends through a signer that keeps its own nonces: for tests and for scripts that end. */
export const plainSender = (signer: Signer): Sender => ({
  async send(call) {
    const gasLimit = await gasFor(signer, call);
    const response = await signer.sendTransaction({ ...call, gasLimit });
    const receipt = await response.wait();
    if (receipt === null) {
      throw new AssayError("RPC_UNUSABLE", `${response.hash} was not included`, { reason: "no receipt" });
    }
    return { receipt, data: response.data };
  },
});

/** Sends nothing: each call is estimated and refused. */
export const dryRunSender = (signer: Signer): Sender => ({
  async send(call) {
    const gas = await gasFor(signer, call);
    throw new AssayError("DRY_RUN", `not sent: ${String(gas)} gas`, { gas });
  },
});

/** Sends in turn with other processes that have the same account: two of them would take the same nonce. */
export const senderInTurn = (sender: Sender, alone: (work: () => Promise<Sent>) => Promise<Sent>): Sender => ({
  send: (call) => alone(() => sender.send(call)),
});
