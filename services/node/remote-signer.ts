import {
  AbstractSigner,
  getAddress,
  hexlify,
  type Provider,
  resolveProperties,
  toQuantity,
  toUtf8Bytes,
  Transaction,
  type TransactionRequest,
  type TypedDataDomain,
  TypedDataEncoder,
  type TypedDataField,
} from "ethers";

import { AssayError } from "../../runner/errors.ts";
import type { Rpc } from "../chain/blocks.ts";

/**
 * A key that another process keeps: Web3Signer, Clef, or what speaks as they do. It is asked to sign, never to send: nonces,
 * fees and budgets stay here, and what it signs is compared with what it was given.
 */
export class RemoteSigner extends AbstractSigner {
  readonly #remote: Rpc;
  readonly #account: string;

  constructor(remote: Rpc, account: string, provider: Provider | null = null) {
    super(provider);
    this.#remote = remote;
    this.#account = getAddress(account);
  }

  override getAddress(): Promise<string> {
    return Promise.resolve(this.#account);
  }

  override connect(provider: Provider | null): RemoteSigner {
    return new RemoteSigner(this.#remote, this.#account, provider);
  }

  /** @throws AssayError RPC_UNUSABLE when the signature is not over exactly this transaction. */
  override async signTransaction(request: TransactionRequest): Promise<string> {
    const { to, data, value, nonce, gasLimit, maxFeePerGas, maxPriorityFeePerGas, chainId } =
      await resolveProperties(request);
    const asked = {
      ...{ from: this.#account, to, data, type: "0x2" },
      ...{ value: toQuantity(value ?? 0), nonce: toQuantity(nonce ?? 0), gas: toQuantity(gasLimit ?? 0) },
      ...{ maxFeePerGas: toQuantity(maxFeePerGas ?? 0), maxPriorityFeePerGas: toQuantity(maxPriorityFeePerGas ?? 0) },
      ...{ chainId: toQuantity(chainId ?? 0), accessList: [] },
    };
    const answer = await this.#remote.send("eth_signTransaction", [asked]);
    // Clef wraps it, Web3Signer does not.
    const raw = typeof answer === "object" && answer !== null && "raw" in answer ? answer.raw : answer;
    const wanted = Transaction.from({
      ...{ type: 2, to: to as string, data: data ?? "0x", value: value ?? 0, nonce: nonce ?? 0, chainId: chainId ?? 0 },
      ...{ gasLimit: gasLimit ?? 0, maxFeePerGas: maxFeePerGas ?? 0, maxPriorityFeePerGas: maxPriorityFeePerGas ?? 0 },
    });
    const signed = typeof raw === "string" ? parse(raw) : undefined;
    if (signed?.from === this.#account && signed.unsignedHash === wanted.unsignedHash) return signed.serialized;
    const reason = "the remote signer signed something else, or with another key";
    throw new AssayError("RPC_UNUSABLE", reason, { reason });
  }

  override async signMessage(message: string | Uint8Array): Promise<string> {
    const bytes = typeof message === "string" ? toUtf8Bytes(message) : message;
    return String(await this.#remote.send("eth_sign", [this.#account, hexlify(bytes)]));
  }

  override async signTypedData(
    domain: TypedDataDomain,
    types: Record<string, TypedDataField[]>,
    value: Record<string, unknown>,
  ): Promise<string> {
    const payload = TypedDataEncoder.getPayload(domain, types, value) as unknown;
    return String(await this.#remote.send("eth_signTypedData", [this.#account, payload]));
  }
}

function parse(raw: string): Transaction | undefined {
  try {
    return Transaction.from(raw);
  } catch {
    return undefined;
  }
}
