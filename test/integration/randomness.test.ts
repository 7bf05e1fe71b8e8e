import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { isAssayError } from "../../runner/errors.ts";
import { createFolderStore, type Store } from "../../runner/files/store.ts";
import { readInputs } from "../../runner/files/model.ts";
import type { Tensor } from "../../runner/machine/tensor.ts";
import { REQUEST_STATUS } from "../../runner/protocol/enums.ts";
import { type DrandBeacon, drandTimeOf, QUICKNET } from "../../runner/randomness/drand.ts";
import { CHAIN_CLOCK } from "../../services/environment/clock.ts";
import { eventText } from "../../services/environment/log.ts";
import { type HostedModel, hostModel } from "../../services/models/models.ts";
import { beaconsOf, fetchSignature, parseBeacons } from "../../services/randomness/beacons.ts";
import { headerOf } from "../../services/randomness/header.ts";
import { nextSeedMove } from "../../services/randomness/move.ts";
import { SeedService } from "../../services/randomness/seeds.ts";
import { BEGINNING, type CourtStage, openStage, WINDOW_SECONDS } from "../../testing/court-stage.ts";
import {
  DrandRandomness__factory,
  LocalBlockRandomness__factory,
  RandaoRandomness__factory,
} from "../../typechain-types/index.ts";
import { createBeacon, QUICKNET_1000 } from "../contracts/support/beacon.ts";
import { recordParent } from "../contracts/support/history.ts";

const { assigned: ASSIGNED, final: FINAL, open: OPEN } = REQUEST_STATUS;

/* What services bring for draws, and what they do about beacons and nodes that give something else. */

const SIGNER = createBeacon(0x5eedn);
/** A beacon that is an hour old when the stage begins. */
const BEACON: DrandBeacon = {
  publicKey: SIGNER.publicKey(),
  genesisTime: BEGINNING.getTime() / 1_000 - 3_600,
  periodSeconds: 12,
};
const WAIT = { kind: "wait" } as const;

const servers: Server[] = [];
/** Serves on this machine. @returns The URL. */
const serve = async (listener: RequestListener): Promise<string> => {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `http://127.0.0.1:${String(typeof address === "object" && address !== null ? address.port : 0)}`;
};
const roundIn = (url = ""): bigint => BigInt(/^\/chain\/public\/([0-9]+)$/.exec(url)?.[1] ?? 0);
const answerTo = (url: string | undefined): string =>
  JSON.stringify({ round: Number(roundIn(url)), signature: SIGNER.sign(roundIn(url)).compressed.slice(2) });

after(() => {
  for (const server of servers) server.close().closeAllConnections();
});

describe("nextSeedMove", () => {
  const round = 1_201n;
  const out = drandTimeOf(BEACON, Number(round));

  it("submits a round of drand from the second on in which it is published", () => {
    const moves = [-1, 0, 1].map((later) =>
      nextSeedMove({ kind: "drand", beacon: BEACON }, round, { time: out + later, block: 0 }),
    );
    expect(moves).to.deep.equal([WAIT, { kind: "submitRound", round }, { kind: "submitRound", round }]);
  });
  it("submits the header of a block from the next block on", () => {
    const moves = [7, 8, 9].map((block) => nextSeedMove({ kind: "randao" }, 7n, { time: 0, block }));
    expect(moves).to.deep.equal([WAIT, { kind: "submitHeader", block: 7n }, { kind: "submitHeader", block: 7n }]);
  });
  it("never has anything to bring on a local chain", () => {
    expect(nextSeedMove({ kind: "local" }, 7n, { time: 1e9, block: 1e9 })).to.deep.equal(WAIT);
  });
});

describe("parseBeacons", () => {
  it("takes https URLs, and http URLs of this machine", () => {
    const urls = ["https://a.example/hash", "http://127.0.0.1:80/x", "http://localhost", "http://[::1]:8080"];
    expect(parseBeacons(urls.join(","))).to.deep.equal(urls);
    expect(parseBeacons("https://a.example/hash/")).to.deep.equal(["https://a.example/hash"]);
  });
  it("refuses everything else", () => {
    for (const text of ["", "a.example", "http://a.example", "ftp://a.example", "file:///etc/passwd", "https://a,"]) {
      try {
        parseBeacons(text);
        expect.fail(`${text} was accepted`);
      } catch (error) {
        if (!isAssayError(error, "OPTION_INVALID")) throw error;
        expect(error.details).to.include({ name: "ASSAY_BEACONS", value: text });
      }
    }
  });
});

describe("beaconsOf", () => {
  it("knows where the rounds of quicknet are published, and of no other beacon", () => {
    const urls = beaconsOf(QUICKNET);
    expect(urls).to.have.length(4);
    expect(parseBeacons(urls.join(","))).to.deep.equal(urls);
    expect(beaconsOf(BEACON)).to.deep.equal([]);
  });
});

describe("fetchSignature", () => {
  const round = 1_201n;
  let giveUp = (): void => undefined;
  const patience = (): { clock: typeof CHAIN_CLOCK } => {
    const controller = new AbortController();
    giveUp = () => controller.abort();
    return { clock: { ...CHAIN_CLOCK, deadline: () => controller.signal } };
  };
  const hostile: Readonly<Record<string, readonly [RequestListener, RegExp]>> = {
    "signs with another key": [
      (_, response) => response.end(JSON.stringify({ signature: QUICKNET_1000.signature })),
      /another signature than the beacon's/,
    ],
    "gives another round": [
      (_, response) => response.end(answerTo("/chain/public/1200")),
      /another signature than the beacon's/,
    ],
    "gives no point": [
      (_, response) => response.end(JSON.stringify({ signature: "f".repeat(96) })),
      /another signature than the beacon's/,
    ],
    "gives no JSON": [(_, response) => response.end("<html>"), /JSON/],
    "gives no signature": [(_, response) => response.end("{}"), /it has no signature/],
    "gives a number": [(_, response) => response.end('{"signature":7}'), /its signature is no text/],
    "gives null": [(_, response) => response.end("null"), /it has no signature/],
    "does not have it yet": [(_, response) => response.writeHead(425).end(), /the server said 425/],
    redirects: [(_, response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(), /fetch failed/],
    "never ends": [
      (_, response) => {
        const more = (): void => {
          while (!response.destroyed && response.write(Buffer.alloc(1_024)));
        };
        response.on("drain", more);
        more();
      },
      /larger than 4096 bytes/,
    ],
    hangs: [() => giveUp(), /abort/i],
  };
  for (const [name, [listener, reason]] of Object.entries(hostile)) {
    it(`gives BEACON_UNAVAILABLE when the only server ${name}`, async () => {
      const url = `${await serve(listener)}/chain`;
      const error: unknown = await fetchSignature([url], BEACON, round, patience()).catch((raised: unknown) => raised);
      if (!isAssayError(error, "BEACON_UNAVAILABLE")) throw error;
      expect(error.details.round).to.equal(round);
      expect(error.details.reasons).to.have.length(1);
      expect(error.details.reasons[0]).to.match(reason);
      expect(error.details.reasons[0]?.startsWith(`${url}: `)).to.equal(true);
    });
  }

  it("gives the signature when one server is honest, whatever all others do, and lets go of those that hang", async () => {
    let closed = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const bad = Object.entries(hostile).flatMap(([name, [listener]]) => (name === "hangs" ? [] : [listener]));
    const urls = await Promise.all(
      [
        ...bad,
        ((request) => request.socket.once("close", closed)) as RequestListener,
        ((request, response) => response.end(answerTo(request.url))) as RequestListener,
      ].map(async (listener) => `${await serve(listener)}/chain`),
    );
    expect(await fetchSignature(urls, BEACON, round, patience())).to.equal(SIGNER.sign(round).encoded);
    await released;
  });
  it("says how to name servers when there are none", async () => {
    const error: unknown = await fetchSignature([], BEACON, round, patience()).catch((raised: unknown) => raised);
    expect(String(error)).to.match(/set ASSAY_BEACONS/);
  });
});

describe("headerOf", () => {
  const RLP_OF = { parentHash: "0x" };

  it("refuses a block that the node does not have, and one without a field", async () => {
    for (const [block, reason] of [
      [null, "the node has no block 5"],
      [RLP_OF, "block 5 has no sha3Uncles"],
      [{ parentHash: 7 }, "block 5 has no parentHash"],
      [{ parentHash: "0xzz" }, "block 5 has no parentHash"],
    ] as const) {
      const error: unknown = await headerOf({ send: () => Promise.resolve(block) }, 5n).catch((e: unknown) => e);
      if (!isAssayError(error, "RPC_UNUSABLE")) throw error;
      expect(error.details).to.deep.equal({ reason });
    }
  });
});

describe("Services that bring seeds", () => {
  let folder: string;
  let model: HostedModel;
  let image: readonly Tensor[];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-randomness-"));
    model = await hostModel("models/digits/digits.int8.onnx?N=1");
    image = readInputs(model.model, "image", ["image=models/digits/images/digit-3.npy"]);
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const storeAt = (name: string): Store => createFolderStore(join(folder, name));
  const actionsIn = (stage: CourtStage, from: number): string[] =>
    stage.sentSince(from).map(({ action }) => action.kind);

  describe("given a chain with a drand beacon of its own", () => {
    const drandStage = async (name: string) =>
      await openStage([model], storeAt(name), { randomness: "drand", parameters: { DrandRandomness: { ...BEACON } } });
    const drandOf = async ({ suite, connection }: CourtStage) =>
      DrandRandomness__factory.connect(await suite.randomness.getAddress(), connection.ethers.provider);
    const honest = async (): Promise<string> =>
      `${await serve((request, response) => response.end(answerTo(request.url)))}/chain`;
    /** Lets the round of a commitment come out: a margin of 24 seconds, and at most one period. */
    const untilOut = async (stage: CourtStage): Promise<void> => await stage.advance(36);
    /** Goes to the beginning of a period: requests of the next 11 seconds have the same round. */
    const toPeriod = async ({ networkHelpers: { time } }: CourtStage): Promise<void> => {
      const passed = ((await time.latest()) - BEACON.genesisTime) % BEACON.periodSeconds;
      await time.increaseTo((await time.latest()) + BEACON.periodSeconds - passed);
    };

    it("plays two requests of one round: the operator brings it once, is drawn, claims and is paid", async () => {
      const stage = await drandStage("drand");
      const wrong = await serve((_, response) => response.end(JSON.stringify({ signature: QUICKNET_1000.signature })));
      const operator = stage.operator({ beacons: [wrong, await honest()] });
      await toPeriod(stage);
      const ids = [await stage.open(model, image), await stage.open(model, image)];
      const [round = 0n, same] = await Promise.all(ids.map(async (id) => (await stage.view(id)).ticket));
      expect(round).to.equal(same);

      const before = stage.events.length;
      await operator.look();
      expect(actionsIn(stage, before), "the round is not out").to.deep.equal([]);
      await untilOut(stage);
      await operator.look();
      expect(actionsIn(stage, before)).to.deep.equal(["roundSubmitted", "drawn", "drawn"]);
      expect((await (await drandOf(stage)).seedOf(round)).seed).to.equal(SIGNER.sign(round).randomness);
      for (const id of ids) expect(await stage.status(id)).to.equal(ASSIGNED);

      await operator.look();
      await stage.watcher().look();
      await stage.advance(WINDOW_SECONDS + 1);
      await operator.look();
      for (const id of ids) expect(await stage.status(id)).to.equal(FINAL);
      const [event] = stage.sentSince(before).filter(({ action }) => action.kind === "roundSubmitted");
      if (event === undefined) throw new Error("no round was brought");
      expect(eventText(event)).to.match(/^brought round [0-9]+ of the beacon \([0-9]{3},[0-9]{3} gas\)$/);
      expect(event.receipt.gasUsed).to.be.at.most(220_000n);
    });

    it("does not bring a round that somebody else brought, and draws with it", async () => {
      const stage = await drandStage("brought");
      const id = await stage.open(model, image);
      const { ticket } = await stage.view(id);
      await untilOut(stage);
      const drand = (await drandOf(stage)).connect(stage.accounts.stranger);
      await drand.submit(ticket, SIGNER.sign(ticket).encoded);
      const before = stage.events.length;
      await stage.operator({ beacons: [] }).look();
      expect(actionsIn(stage, before)).to.deep.equal(["drawn"]);
    });

    it("does not bring a round that somebody else brought while the beacon was asked", async () => {
      const stage = await drandStage("race");
      const id = await stage.open(model, image);
      const { ticket } = await stage.view(id);
      await untilOut(stage);
      const drand = (await drandOf(stage)).connect(stage.accounts.stranger);
      const racing = await serve((request, response) => {
        void drand.submit(ticket, SIGNER.sign(ticket).encoded).then(() => response.end(answerTo(request.url)));
      });
      const before = stage.events.length;
      await stage.operator({ beacons: [`${racing}/chain`] }).look();
      expect(actionsIn(stage, before)).to.deep.equal(["drawn"]);
    });

    it("reports a beacon that gives nothing, sends nothing, asks again only after a rest, and goes on when it does", async () => {
      const stage = await drandStage("failing");
      let [asked, works] = [0, false];
      const url = await serve((request, response) => {
        asked++;
        if (works) response.end(answerTo(request.url));
        else response.end(JSON.stringify({ signature: QUICKNET_1000.signature }));
      });
      const operator = stage.operator({ beacons: [`${url}/chain`] });
      const id = await stage.open(model, image);
      const { ticket } = await stage.view(id);
      await untilOut(stage);
      const before = stage.events.length;
      await operator.look();
      await operator.look();
      expect([asked, actionsIn(stage, before)]).to.deep.equal([1, []]);
      const failures = stage.events.filter(({ kind }) => kind === "seedUnavailable");
      expect(failures).to.have.length(1);
      expect(eventText(failures[0] ?? { kind: "reorganised" })).to.match(
        new RegExp(
          `^the seed of ticket ${String(ticket)} cannot be had: error BEACON_UNAVAILABLE: round ${String(ticket)}`,
        ),
      );
      await stage.advance(3);
      await operator.look();
      expect(asked).to.equal(2);
      works = true;
      await stage.advance(3);
      await operator.look();
      expect([asked, await stage.status(id)], "it rests twice as long").to.deep.equal([2, OPEN]);
      await stage.advance(3);
      await operator.look();
      expect([asked, actionsIn(stage, before)]).to.deep.equal([3, ["roundSubmitted", "drawn"]]);
    });

    it("does nothing more once a look is given up", async () => {
      const stage = await drandStage("given-up");
      const id = await stage.open(model, image);
      const { ticket } = await stage.view(id);
      await untilOut(stage);
      const controller = new AbortController();
      const url = await serve((request, response) => {
        controller.abort();
        response.end(answerTo(request.url));
      });
      const before = stage.events.length;
      await stage.operator({ beacons: [`${url}/chain`] }).look(controller.signal);
      expect(stage.events.slice(before)).to.deep.equal([]);
      expect((await (await drandOf(stage)).seedOf(ticket)).state).to.equal(0n);
    });
  });

  describe("given a chain that draws by RANDAO", () => {
    const randaoStage = async (name: string) =>
      await openStage([model], storeAt(name), {
        randomness: "randao",
        prepare: async (connection) => {
          await recordParent(connection);
        },
      });

    it("plays a whole request: the operator brings the header, is drawn, claims and is paid", async () => {
      const stage = await randaoStage("randao");
      const operator = stage.operator();
      const id = await stage.open(model, image);
      const { ticket } = await stage.view(id);
      const before = stage.events.length;
      await operator.look();
      expect(actionsIn(stage, before), "the block is not over").to.deep.equal([]);
      await stage.networkHelpers.mine();
      await stage.networkHelpers.mine();
      await operator.look();
      expect(actionsIn(stage, before)).to.deep.equal(["headerSubmitted", "drawn"]);
      const address = await stage.suite.randomness.getAddress();
      const randao = RandaoRandomness__factory.connect(address, stage.connection.ethers.provider);
      const { prevRandao } = await headerOf(stage.connection.ethers.provider, ticket);
      expect((await randao.seedOf(ticket)).seed).to.equal(prevRandao);

      await operator.look();
      await stage.watcher().look();
      await stage.advance(WINDOW_SECONDS + 1);
      await operator.look();
      expect(await stage.status(id)).to.equal(FINAL);
    });

    it("does not send what does not hash to the block's hash, and reports the node", async () => {
      const stage = await randaoStage("lying-node");
      const id = await stage.open(model, image);
      const { ticket } = await stage.view(id);
      await stage.networkHelpers.mine(3);
      const context = stage.contextFor(stage.accounts.stranger);
      const { provider } = context;
      const lying = new Proxy(provider, {
        get: (target, name) => {
          if (name !== "send") return Reflect.get(target, name, target) as unknown;
          return async (method: string, params: unknown[]): Promise<unknown> => {
            const block = (await target.send(method, params)) as Record<string, unknown>;
            return { ...block, extraData: "0x01" };
          };
        },
      });
      const before = stage.events.length;
      const seeds = new SeedService({ ...context, provider: lying });
      const now = { block: (await provider.getBlockNumber()) + 1, time: 0, marketTime: 0 };
      expect(await seeds.bring(ticket, now)).to.equal(false);
      const [event, ...others] = stage.events.slice(before);
      expect(others).to.deep.equal([]);
      expect(event).to.deep.include({ kind: "seedUnavailable", ticket });
      expect(event === undefined ? "" : eventText(event)).to.match(/other fields than those known here$/);
      expect(await new SeedService(context).bring(ticket, now), "a node that does not lie").to.equal(true);
    });
  });

  describe("given a local chain", () => {
    it("brings nothing: the seed is there after two blocks", async () => {
      const stage = await openStage([model], storeAt("local"));
      const id = await stage.open(model, image);
      const before = stage.events.length;
      await stage.operator().look();
      expect(actionsIn(stage, before)).to.deep.equal(["drawn"]);
      expect(await stage.status(id)).to.equal(ASSIGNED);
      const { suite, connection } = stage;
      const local = LocalBlockRandomness__factory.connect(
        await suite.randomness.getAddress(),
        connection.ethers.provider,
      );
      expect(await local.DELAY_BLOCKS()).to.equal(2);
    });
  });
});
