import { createServer, type Server } from "node:http";

import { expect } from "chai";
import { type ContractTransaction, parseEther, type Provider, Wallet } from "ethers";
import { network } from "hardhat";

import { isAssayError } from "../../runner/errors.ts";
import { Endpoints } from "../../services/chain/endpoints.ts";
import { isTooLarge, plainSender } from "../../services/chain/sender.ts";
import { type FeePolicy, TransactionManager } from "../../services/chain/transactions.ts";
import { CHAIN_CLOCK } from "../../services/environment/clock.ts";
import type { ServiceEvent } from "../../services/environment/events.ts";
import { AssayToken__factory } from "../../typechain-types/index.ts";

const GWEI = 10n ** 9n;
const POLICY: FeePolicy = { maxFeePerGas: 500n * GWEI, dailyWei: parseEther("1"), bumpSeconds: 3, dryRun: false };

describe("TransactionManager", () => {
  const open = async (policy: Partial<FeePolicy> = {}) => {
    const connection = await network.create();
    const { ethers, networkHelpers } = connection;
    const provider: Provider = ethers.provider;
    const wallet = new Wallet(`0x${"4a".repeat(32)}`, provider);
    await networkHelpers.setBalance(wallet.address, parseEther("10"));
    const [deployer] = await ethers.getSigners();
    if (deployer === undefined) throw new Error("no account");
    const token = await new AssayToken__factory(deployer).deploy();
    const events: ServiceEvent[] = [];
    const pauses: (() => Promise<unknown>)[] = [];
    const clock = {
      ...CHAIN_CLOCK,
      now: () => 1_000,
      pause: async () => {
        await pauses.shift()?.();
      },
    };
    const manager = new TransactionManager({
      ...{ provider, signer: wallet, clock },
      report: (event) => events.push(event),
      policy: { ...POLICY, ...policy },
    });
    const mint = (amount: bigint): Promise<ContractTransaction> =>
      token.mint.populateTransaction(wallet.address, amount);
    const balance = (): Promise<bigint> => token.balanceOf(wallet.address);
    const automine = (on: boolean): Promise<unknown> =>
      connection.provider.request({ method: "evm_setAutomine", params: [on] });
    return { connection, networkHelpers, wallet, manager, mint, balance, events, pauses, automine, provider, token };
  };
  const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
    await work.then(
      () => "no error",
      (error: unknown) => (isAssayError(error) ? error.code : error),
    );

  it("sends calls that are made at a time one after the other, each once", async () => {
    const { manager, mint, balance, provider, wallet } = await open();
    const sent = await Promise.all([1n, 2n, 4n].map(async (amount) => await manager.send(await mint(amount))));
    expect(sent.map(({ receipt }) => receipt.status)).to.deep.equal([1, 1, 1]);
    expect([await balance(), await provider.getTransactionCount(wallet.address)]).to.deep.equal([7n, 3]);
    expect(manager.spentToday).to.equal(sent.reduce((sum, { receipt }) => sum + receipt.fee, 0n));
  });

  it("replaces what is not included in time by the same call at a higher price; one of them happens", async () => {
    const { manager, mint, balance, events, pauses, automine, networkHelpers, provider, wallet } = await open();
    await automine(false);
    // Nothing is mined in the time that the first one has; then the replacement is.
    for (let i = 0; i < 6; i++) pauses.push(() => Promise.resolve());
    pauses.push(() => networkHelpers.mine());
    const { receipt } = await manager.send(await mint(5n));
    expect(receipt.status).to.equal(1);
    expect(events.map(({ kind }) => kind)).to.include("feeRaised");
    expect([await balance(), await provider.getTransactionCount(wallet.address)]).to.deep.equal([5n, 1]);
  });

  it("replaces what a crash left behind", async () => {
    const { manager, mint, balance, pauses, automine, networkHelpers, provider, wallet, token } = await open();
    await automine(false);
    const left = await token.mint.populateTransaction(wallet.address, 100n);
    await wallet.sendTransaction({ ...left, gasLimit: 100_000, maxFeePerGas: 3n * GWEI, maxPriorityFeePerGas: GWEI });
    for (let i = 0; i < 20; i++) pauses.push(() => networkHelpers.mine());
    await manager.send(await mint(5n));
    expect(await balance(), "the one that was left behind never happens").to.equal(5n);
    expect(await provider.getTransactionCount(wallet.address), "one more when it needs more gas than before").to.equal(
      2,
    );
  });

  it("takes the next nonce when somebody else used the one that it counted", async () => {
    const { mint, balance, provider, wallet, events, pauses, token } = await open();
    let counted = 0;
    const behind = new Proxy(provider, {
      get(target, key) {
        // The first count is asked of a node that is behind.
        if (key === "getTransactionCount" && counted++ === 0) return () => Promise.resolve(0);
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    const foreign = await token.mint.populateTransaction(wallet.address, 100n);
    await (await wallet.sendTransaction(foreign)).wait();
    const clock = {
      ...CHAIN_CLOCK,
      pause: async () => {
        await pauses.shift()?.();
      },
    };
    const report = (event: ServiceEvent): void => {
      events.push(event);
    };
    const manager = new TransactionManager({ provider: behind, signer: wallet, clock, report, policy: POLICY });
    await manager.send(await mint(5n));
    expect([await balance(), await provider.getTransactionCount(wallet.address)]).to.deep.equal([105n, 2]);
  });

  it("does not send again what was included, when the node that is asked for receipts is behind", async () => {
    const { mint, balance, provider, wallet, pauses } = await open();
    let asked = 0;
    const behind = new Proxy(provider, {
      get(target, key) {
        if (key === "getTransactionReceipt" && asked++ < 6) return () => Promise.resolve(null);
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    const clock = {
      ...CHAIN_CLOCK,
      pause: async () => {
        await pauses.shift()?.();
      },
    };
    const report = (): undefined => undefined;
    const manager = new TransactionManager({ provider: behind, signer: wallet, clock, report, policy: POLICY });
    await manager.send(await mint(5n));
    expect([await balance(), await provider.getTransactionCount(wallet.address)]).to.deep.equal([5n, 1]);
  });

  it("gives up a transaction whose predecessors a reorganisation dropped, and sends what comes after", async () => {
    const { manager, connection, mint, balance, pauses, automine, events } = await open();
    const before: unknown = await connection.provider.request({ method: "evm_snapshot" });
    await manager.send(await mint(1n));
    await automine(false);
    pauses.push(() => connection.provider.request({ method: "evm_revert", params: [before] }));
    expect(await codeOf(manager.send(await mint(2n)))).to.equal("RPC_UNUSABLE");
    expect(events.filter(({ kind }) => kind === "feeRaised")).to.have.length(0);
    await automine(true);
    await manager.send(await mint(4n));
    expect(await balance()).to.equal(4n);
  });

  it("sends nothing beyond the budget of a day, or in a dry run", async () => {
    const poor = await open({ dailyWei: 1n });
    expect(await codeOf(poor.manager.send(await poor.mint(1n)))).to.equal("BUDGET_SPENT");
    const dry = await open({ dryRun: true });
    expect(await codeOf(dry.manager.send(await dry.mint(1n)))).to.equal("DRY_RUN");
    expect([await poor.balance(), await dry.balance()]).to.deep.equal([0n, 0n]);
  });

  it("waits for cheaper gas instead of sending what nobody includes", async () => {
    const { manager, mint } = await open({ maxFeePerGas: 1n });
    expect(await codeOf(manager.send(await mint(1n)))).to.equal("BUDGET_SPENT");
  });

  it("goes on after a call that is refused", async () => {
    const { manager, mint, token, balance } = await open();
    const refused = await token.transfer.populateTransaction(await token.getAddress(), 10n);
    expect(await codeOf(manager.send(refused))).not.to.equal("no error");
    await manager.send(await mint(5n));
    expect(await balance()).to.equal(5n);
  });
});

describe("A call that does not fit a transaction", () => {
  it("is told from one that fails for another reason", async () => {
    const { ethers } = await network.create();
    const [signer] = await ethers.getSigners();
    if (signer === undefined) throw new Error("no account");
    const large = { to: signer.address, data: `0x${"00".repeat(140_000)}` };
    const error: unknown = await plainSender(signer)
      .send(large)
      .catch((reason: unknown) => reason);
    expect(isAssayError(error, "TRANSACTION_TOO_LARGE")).to.equal(true);
    for (const [message, expected] of [
      ["gas required exceeds allowance (16777216)", true],
      ["gas required exceeds allowance (21000)", false],
      ["exceeds block gas limit", true],
      ["Transaction gas limit is 17000000 and exceeds transaction gas cap of 16777216", true],
      ["503 Service Unavailable", false],
      ["execution reverted", false],
      ["insufficient funds for gas * price + value", false],
    ] as const) {
      expect([message, isTooLarge(new Error(message))]).to.deep.equal([message, expected]);
    }
  });
});

describe("Endpoints", () => {
  const servers: Server[] = [];
  after(() => {
    for (const server of servers) server.close().closeAllConnections();
  });
  const node = async (answer: (call: { id: number; method: string }) => { status?: number; body: string }) => {
    let asked = 0;
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        asked++;
        const { status = 200, body: text } = answer(JSON.parse(body) as { id: number; method: string });
        response.writeHead(status).end(text);
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return { url: `http://127.0.0.1:${String(port)}/key`, asked: () => asked };
  };
  const says =
    (result: unknown) =>
    ({ id }: { id: number }) => ({ body: JSON.stringify({ jsonrpc: "2.0", id, result }) });

  const failures: Readonly<Record<string, (call: { id: number }) => { status?: number; body: string }>> = {
    "answers 503": () => ({ status: 503, body: "" }),
    "answers 429": () => ({ status: 429, body: "" }),
    "answers no JSON": () => ({ body: "<html>" }),
    "answers something else": () => ({ body: "[7]" }),
    "is asked too often": ({ id }) => ({ body: JSON.stringify({ id, error: { code: -32_005, message: "limit" } }) }),
  };
  for (const [name, fails] of Object.entries(failures)) {
    it(`given a node that ${name}, the next one answers, and the first one rests`, async () => {
      const [bad, good] = [await node(fails), await node(says("0x7"))];
      const events: ServiceEvent[] = [];
      const endpoints = new Endpoints([bad.url, good.url], 1, { ...CHAIN_CLOCK, now: () => 100 }, (event) =>
        events.push(event),
      );
      expect(await endpoints.getBlockNumber()).to.equal(7);
      expect(await endpoints.getBlockNumber()).to.equal(7);
      expect([bad.asked(), good.asked()]).to.deep.equal([1, 2]);
      expect(events).to.have.length(1);
      expect(JSON.stringify(events)).not.to.include("/key");
      endpoints.destroy();
    });
  }

  it("given what a contract refuses, no other node is asked", async () => {
    const refusal = { code: 3, message: "execution reverted", data: "0x08c379a0" };
    const first = await node(({ id }) => ({ body: JSON.stringify({ id, error: refusal }) }));
    const second = await node(says("0x"));
    const endpoints = new Endpoints([first.url, second.url], 1, CHAIN_CLOCK, () => undefined);
    await endpoints.call({ to: `0x${"11".repeat(20)}` }).catch(() => undefined);
    expect([first.asked(), second.asked()]).to.deep.equal([1, 0]);
    endpoints.destroy();
  });

  describe("asked for logs", () => {
    const log = (logIndex: string) => ({
      ...{ address: `0x${"AA".repeat(20)}`, topics: [], data: "0x", blockHash: `0x${"22".repeat(32)}`, logIndex },
      ...{ blockNumber: "0x1", transactionHash: `0x${"33".repeat(32)}`, transactionIndex: "0x0", removed: false },
    });
    const whole = [log("0x0"), log("0x1")];
    const ask = async (nodes: readonly { readonly url: string }[]) => {
      const events: ServiceEvent[] = [];
      const urls = nodes.map(({ url }) => url);
      const endpoints = new Endpoints(urls, 1, { ...CHAIN_CLOCK, now: () => 100 }, (event) => events.push(event));
      const send = (): Promise<unknown> => endpoints.send("eth_getLogs", [{}]);
      const answers = [await send().catch(String), await send().catch(String)];
      endpoints.destroy();
      return { answers, events };
    };

    it("given a node that leaves one out, two others outvote it, and it rests", async () => {
      const [liar, first, second] = [
        await node(says(whole.slice(1))),
        await node(says(whole)),
        await node(says(whole)),
      ];
      const { answers, events } = await ask([liar, first, second]);
      expect(answers).to.deep.equal([whole, whole]);
      expect(events).to.have.length(1);
      expect([liar.asked(), first.asked(), second.asked()]).to.deep.equal([1, 2, 2]);
    });

    it("given two nodes that say different things, none is believed", async () => {
      const { answers } = await ask([await node(says(whole.slice(1))), await node(says(whole))]);
      for (const answer of answers) expect(answer).to.match(/other logs than another node/);
    });

    it("given one node that works, it is believed, and one that rests is not waited for", async () => {
      const [bad, good] = [await node(() => ({ status: 503, body: "" })), await node(says(whole))];
      expect((await ask([bad, good])).answers).to.deep.equal([whole, whole]);
      expect([bad.asked(), good.asked()]).to.deep.equal([1, 2]);
      expect((await ask([await node(says(whole))])).answers).to.deep.equal([whole, whole]);
    });

    it("given the same logs in another order and case, they are the same", async () => {
      const other = [...whole].reverse().map((each) => ({ ...each, address: each.address.toLowerCase() }));
      expect((await ask([await node(says(whole)), await node(says(other))])).events).to.deep.equal([]);
    });

    it("given a node that refuses the question, the answer of another one is taken, and an error when all refuse", async () => {
      const refuses = ({ id }: { id: number }) => ({
        body: JSON.stringify({ id, error: { code: -32_000, message: "cap" } }),
      });
      expect((await ask([await node(refuses), await node(says(whole))])).answers).to.deep.equal([whole, whole]);
      for (const answer of (await ask([await node(refuses)])).answers) expect(answer).to.match(/cap/);
    });
  });

  it("given no node that works, RPC_UNUSABLE says why", async () => {
    const bad = await node(() => ({ status: 503, body: "" }));
    const endpoints = new Endpoints([bad.url], 1, CHAIN_CLOCK, () => undefined);
    const error: unknown = await endpoints.getBlockNumber().catch((reason: unknown) => reason);
    expect(String(error)).to.match(/none of 1 nodes answers: .*503/);
    endpoints.destroy();
  });

  it("given nodes of different chains, compare shows what each says", async () => {
    const chain =
      (hash: string) =>
      ({ id, method }: { id: number; method: string }) =>
        says(method === "eth_blockNumber" ? "0x64" : { hash })({ id });
    const [one, two] = [await node(chain("0xaa")), await node(chain("0xbb"))];
    const endpoints = new Endpoints([one.url, two.url], 1, CHAIN_CLOCK, () => undefined);
    const answers = await endpoints.compare();
    expect(answers.map(({ head, hash }) => [head, hash])).to.deep.equal([
      [100, "0xaa"],
      [100, "0xbb"],
    ]);
    endpoints.destroy();
  });
});
