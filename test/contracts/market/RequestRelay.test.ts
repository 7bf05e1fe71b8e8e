import { expect } from "chai";
import { parseEther, ZeroAddress } from "ethers";

import { REQUEST_TYPED_DATA } from "../../../runner/protocol/typed-data.ts";
import { ethers, FEE, networkHelpers, useProtocol } from "../support/market.ts";
import { requestIn, type Signer, termsOf } from "../support/protocol.ts";

const FAR = 2 ** 40;

describe("RequestRelay", () => {
  const protocol = useProtocol();

  /** A relay that may take the requester's fees, and requests signed for it. */
  const relayed = async () => {
    const { market, requester, stranger, token } = protocol;
    const relay = await ethers.deployContract("RequestRelay", [market]);
    await token.connect(requester).approve(relay, parseEther("100"));
    const sign = async (
      changed: { terms?: object; nonce?: bigint; deadline?: number; domain?: object; by?: Signer; who?: string } = {},
    ): Promise<string> => {
      const { terms = {}, nonce = 0n, deadline = FAR, domain = {}, by = requester, who = requester.address } = changed;
      const { chainId } = await ethers.provider.getNetwork();
      return by.signTypedData(
        { ...REQUEST_TYPED_DATA.domain, chainId, verifyingContract: await relay.getAddress(), ...domain },
        REQUEST_TYPED_DATA.types,
        { market: await market.getAddress(), requester: who, nonce, deadline, ...termsOf(protocol), ...terms },
      );
    };
    const send = async (signature: string, { terms = {}, deadline = FAR, who = requester.address } = {}) =>
      relay.connect(stranger).request(who, termsOf(protocol, terms), deadline, signature);
    return { relay, sign, send };
  };

  describe("request", () => {
    it("opens a signed request at the requester's cost; somebody else pays the gas", async () => {
      const { relay, sign, send } = await relayed();
      const transaction = await send(await sign());
      const { token, market, requester, stranger } = protocol;
      await expect(transaction).to.changeTokenBalances(
        ethers,
        token,
        [requester, market, stranger, relay],
        [-FEE, FEE, 0n, 0n],
      );
      const made = await requestIn(protocol, transaction);
      expect(made.request.requester).to.equal(requester.address);
      await networkHelpers.time.increase(600);
      await market.refund(made.request);
      expect(await market.creditOf(requester)).to.equal(FEE);
    });
    it("counts a signature once", async () => {
      const { relay, sign, send } = await relayed();
      const signature = await sign();
      await send(signature);
      await expect(send(signature))
        .to.be.revertedWithCustomError(relay, "RelaySignatureInvalid")
        .withArgs(protocol.requester.address, 1);
      await send(await sign({ nonce: 1n }));
    });
    it("refuses a signature after its deadline", async () => {
      const { relay, sign, send } = await relayed();
      const deadline = (await networkHelpers.time.latest()) + 100;
      const signature = await sign({ deadline });
      const snapshot = await networkHelpers.takeSnapshot();
      await networkHelpers.time.setNextBlockTimestamp(deadline + 1);
      await expect(send(signature, { deadline }))
        .to.be.revertedWithCustomError(relay, "RelaySignatureExpired")
        .withArgs(deadline, deadline + 1);
      await snapshot.restore();
      await networkHelpers.time.setNextBlockTimestamp(deadline);
      await send(signature, { deadline });
    });
    it("refuses a signature of somebody else, for another chain, relay or market, and of other terms", async () => {
      const { relay, sign, send } = await relayed();
      const invalid = async (signature: string, sent: object = {}) => {
        await expect(send(signature, sent))
          .to.be.revertedWithCustomError(relay, "RelaySignatureInvalid")
          .withArgs(protocol.requester.address, 0);
      };
      await invalid(await sign({ by: protocol.alice }));
      await invalid(await sign({ domain: { chainId: 1 } }));
      await invalid(await sign({ domain: { verifyingContract: protocol.market.target } }));
      await invalid(await sign({ terms: { market: protocol.alice.address } }));
      await invalid(await sign({ nonce: 1n }));
      await invalid(await sign({ deadline: FAR + 1 }));
      const others = {
        versionId: "0x" + "11".repeat(32),
        inputs: "0x" + "22".repeat(256),
        inputRoot: "0x" + "33".repeat(32),
        inputUri: "x",
        policy: "0x" + "44".repeat(32),
        fee: 1n,
        valueAtRisk: 2n,
        openSeconds: 3,
        claimSeconds: 4,
        windowSeconds: 5,
        callback: protocol.alice.address,
        callbackGas: 6,
        minimumHolders: 7,
      };
      const signature = await sign();
      for (const [name, value] of Object.entries(others)) await invalid(signature, { terms: { [name]: value } });
    });
    it("takes the signature of a contract account by ERC-1271", async () => {
      const { relay, sign, send } = await relayed();
      const { alice, requester, token } = protocol;
      const wallet = await ethers.deployContract("WalletMock", [alice]);
      const who = await wallet.getAddress();
      await expect(send(await sign({ by: requester, who }), { who }))
        .to.be.revertedWithCustomError(relay, "RelaySignatureInvalid")
        .withArgs(who, 0);
      // The account has no allowance for the relay: all but the payment was accepted.
      await expect(send(await sign({ by: alice, who }), { who }))
        .to.be.revertedWithCustomError(token, "ERC20InsufficientAllowance")
        .withArgs(relay.target, 0, FEE);
    });
    it("opens nothing for the zero address", async () => {
      const { relay, sign, send } = await relayed();
      await expect(send(await sign(), { who: ZeroAddress }))
        .to.be.revertedWithCustomError(relay, "RelaySignatureInvalid")
        .withArgs(ZeroAddress, 0);
    });
  });

  describe("cancel", () => {
    it("uses up the caller's nonce", async () => {
      const { relay, sign, send } = await relayed();
      const signature = await sign();
      await relay.connect(protocol.requester).cancel();
      expect(await relay.nonces(protocol.requester)).to.equal(1n);
      await expect(send(signature))
        .to.be.revertedWithCustomError(relay, "RelaySignatureInvalid")
        .withArgs(protocol.requester.address, 1);
    });
  });

  describe("digestOf", () => {
    it("is what wallets sign", async () => {
      const { relay, sign } = await relayed();
      const digest = await relay.digestOf(protocol.requester, termsOf(protocol), 0, FAR);
      expect(ethers.recoverAddress(digest, await sign())).to.equal(protocol.requester.address);
    });
  });
});
