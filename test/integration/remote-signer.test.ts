import { expect } from "chai";
import { Transaction, verifyTypedData, Wallet, ZeroAddress } from "ethers";

import { isAssayError } from "../../runner/errors.ts";
import { RemoteSigner } from "../../services/node/remote-signer.ts";

describe("RemoteSigner", () => {
  const wallet = new Wallet(`0x${"17".repeat(32)}`);
  const other = new Wallet(`0x${"18".repeat(32)}`);
  const request = {
    ...{ to: `0x${"22".repeat(20)}`, data: "0x1234", value: 5n, nonce: 7, chainId: 31_337n, gasLimit: 100_000n },
    ...{ maxFeePerGas: 3n, maxPriorityFeePerGas: 1n, type: 2 },
  };
  /** A signer as Web3Signer and Clef are, which signs what `change` makes of the question. */
  const remote = (key: Wallet, change: object = {}, wrap: (raw: string) => unknown = (raw) => raw) => ({
    send: async (method: string, params: unknown[]): Promise<unknown> => {
      if (method === "eth_signTypedData") {
        const { domain, types, message } = params[1] as { domain: object; types: object; message: object };
        const { EIP712Domain: _, ...rest } = types as Record<string, never>;
        return await key.signTypedData(domain, rest, message);
      }
      expect(method).to.equal("eth_signTransaction");
      const { from: _, gas, ...asked } = params[0] as Record<string, string>;
      const fields = { ...asked, gasLimit: gas ?? "0x0", type: 2, ...change };
      return wrap(await key.signTransaction(fields));
    },
  });

  it("signs what it was given, whether the answer is wrapped or not", async () => {
    for (const wrap of [(raw: string) => raw, (raw: string) => ({ raw, tx: {} })]) {
      const raw = await new RemoteSigner(remote(wallet, {}, wrap), wallet.address).signTransaction(request);
      const { from, to, data, value, nonce, gasLimit, maxFeePerGas } = Transaction.from(raw);
      expect([from, to, data, value, nonce, gasLimit, maxFeePerGas]).to.deep.equal([
        ...[wallet.address, request.to, request.data, 5n, 7, 100_000n, 3n],
      ]);
    }
  });

  it("refuses a signature over anything else, by another key, and what is none", async () => {
    const hostile = [
      remote(wallet, { to: ZeroAddress }),
      remote(wallet, { value: 6n }),
      remote(wallet, { maxFeePerGas: 4n }),
      remote(wallet, { nonce: 8 }),
      remote(wallet, { chainId: 1 }),
      remote(other),
      remote(wallet, {}, () => "0x1234"),
      remote(wallet, {}, () => null),
    ];
    for (const each of hostile) {
      const error: unknown = await new RemoteSigner(each, wallet.address)
        .signTransaction(request)
        .catch((reason: unknown) => reason);
      expect(isAssayError(error, "RPC_UNUSABLE"), String(error)).to.equal(true);
    }
  });

  it("signs evidence, and says whose key it asks for", async () => {
    const signer = new RemoteSigner(remote(wallet), wallet.address.toLowerCase()).connect(null);
    expect(await signer.getAddress()).to.equal(wallet.address);
    const types = { Answer: [{ name: "root", type: "bytes32" }] };
    const [domain, value] = [{ name: "Assay", chainId: 1n }, { root: `0x${"33".repeat(32)}` }];
    const signature = await signer.signTypedData(domain, types, value);
    expect(verifyTypedData(domain, types, value, signature)).to.equal(wallet.address);
  });
});
