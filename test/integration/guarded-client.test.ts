import { createServer, type RequestListener, type Server } from "node:http";

import { expect } from "chai";

import { GuardedClient, isPrivate } from "../../services/blobs/guarded-client.ts";
import { CHAIN_CLOCK } from "../../services/environment/clock.ts";
import { TaskBoard } from "../../services/work/board.ts";
import { compareOrders, type WorkOrder } from "../../services/work/order.ts";

describe("GuardedClient", () => {
  const servers: Server[] = [];
  after(() => {
    for (const server of servers) server.close().closeAllConnections();
  });
  const serve = async (listener: RequestListener): Promise<number> => {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  };
  const download = { maxBytes: 10, counterparty: "a stranger" };
  const reasonOf = async (work: Promise<unknown>): Promise<string> =>
    await work.then(
      () => "no error",
      (error: unknown) => String(error),
    );

  it("knows the addresses that are not of the public internet", () => {
    const own = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"];
    const own6 = ["::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2001:db8::1", "ff02::1"];
    for (const address of [...own, ...own6, "255.255.255.255", "224.0.0.1"]) {
      expect([address, isPrivate(address)]).to.deep.equal([address, true]);
    }
    for (const address of ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111"]) {
      expect([address, isPrivate(address)]).to.deep.equal([address, false]);
    }
  });

  it("asks none of them, by number or by name, unless it may", async () => {
    let asked = 0;
    const port = await serve((_, response) => {
      asked++;
      response.end("yes");
    });
    const strict = new GuardedClient(CHAIN_CLOCK, { privateAddresses: false });
    for (const host of ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"]) {
      const reason = await reasonOf(strict.get(`http://${host}:${String(port)}/x`, download));
      expect([host, /private address/.test(reason)]).to.deep.equal([host, true]);
    }
    expect(asked).to.equal(0);
    const open = new GuardedClient(CHAIN_CLOCK, { privateAddresses: true });
    expect(Buffer.from(await open.get(`http://127.0.0.1:${String(port)}/x`, download)).toString()).to.equal("yes");
  });

  it("fetches http and https only", async () => {
    const client = new GuardedClient(CHAIN_CLOCK, { privateAddresses: true });
    for (const url of ["file:///etc/passwd", "ftp://a.example/x", "data:,x", "no url"]) {
      expect(await reasonOf(client.get(url, download))).to.match(/only http and https/);
    }
  });

  it("refuses what says that it is too large, and what is encoded, before it reads it", async () => {
    const client = new GuardedClient(CHAIN_CLOCK, { privateAddresses: true });
    const large = await serve((_, response) => response.writeHead(200, { "content-length": "1000000" }).flushHeaders());
    expect(await reasonOf(client.get(`http://127.0.0.1:${String(large)}/`, download))).to.match(/larger than 10 bytes/);
    const packed = await serve((_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end("x"));
    expect(await reasonOf(client.get(`http://127.0.0.1:${String(packed)}/`, download))).to.match(/encoded as gzip/);
  });

  it("does not ask a URL again that failed, until it has rested, longer each time", async () => {
    let asked = 0;
    const port = await serve((_, response) => {
      asked++;
      response.writeHead(500).end();
    });
    let now = 1_000;
    const client = new GuardedClient({ ...CHAIN_CLOCK, now: () => now }, { privateAddresses: true });
    const counts: number[] = [];
    for (const seconds of [0, 14, 1, 29, 1]) {
      now += seconds;
      await reasonOf(client.get(`http://127.0.0.1:${String(port)}/`, download));
      counts.push(asked);
    }
    expect(counts).to.deep.equal([1, 1, 2, 2, 3]);
  });
});

describe("TaskBoard", () => {
  const order = (counterparty: string, value = 1n, deadline = 1e9): WorkOrder => ({ counterparty, value, deadline });
  const idle = async (board: TaskBoard): Promise<void> => {
    while (board.busy) await board.change();
  };
  const gate = () => {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    return { open, opened };
  };

  it("gives a hostile counterparty its own places and no others", async () => {
    const board = new TaskBoard({ clock: CHAIN_CLOCK, atOnce: 4, perCounterparty: 2, budgetSeconds: 60 });
    const { open, opened } = gate();
    const started: string[] = [];
    const begin = (name: string, who: string): void => {
      board.get(name, order(who), async () => {
        started.push(name);
        await opened;
      });
    };
    for (const name of ["a1", "a2", "a3", "a4", "a5"]) begin(name, "attacker");
    begin("b1", "honest");
    expect(started).to.deep.equal(["a1", "a2", "b1"]);
    expect(board.counts).to.deep.equal({ waiting: 3, running: 3, done: 0, failed: 0 });
    open();
    await idle(board);
    expect(started).to.have.length(6);
  });

  it("begins what pays most first, and what is due within the hour before that", () => {
    const sorted = [
      order("", 5n, 100_000),
      order("", 9n, 200_000),
      order("", 1n, 3_000),
      order("", 1n, 2_000),
      order("", 9n, 100_000),
    ].sort((a, b) => compareOrders(a, b, 0));
    expect(sorted.map(({ value, deadline }) => [value, deadline])).to.deep.equal([
      [1n, 2_000],
      [1n, 3_000],
      [9n, 100_000],
      [9n, 200_000],
      [5n, 100_000],
    ]);
  });

  it("puts a counterparty that used up its time behind all others, until the next hour", async () => {
    let now = 3_600;
    const board = new TaskBoard({
      clock: { ...CHAIN_CLOCK, now: () => now },
      atOnce: 1,
      perCounterparty: 1,
      budgetSeconds: 60,
    });
    const started: string[] = [];
    const first = gate();
    board.get("slow", order("attacker"), async () => {
      await first.opened;
      now += 100;
    });
    for (const [name, who, value] of [
      ["more", "attacker", 9n],
      ["honest", "honest", 1n],
    ] as const) {
      board.get(name, order(who, value), () => {
        started.push(name);
        return Promise.resolve();
      });
    }
    first.open();
    await idle(board);
    expect(started).to.deep.equal(["honest", "more"]);
  });

  it("keeps a result until it is forgotten, and tries a failure again later", async () => {
    let now = 0;
    let runs = 0;
    const board = new TaskBoard({
      clock: { ...CHAIN_CLOCK, now: () => now },
      atOnce: 1,
      perCounterparty: 1,
      budgetSeconds: 60,
    });
    const ask = () =>
      board.get("x", order("a"), () => {
        runs++;
        return runs < 2 ? Promise.reject(new Error("first")) : Promise.resolve(runs);
      });
    expect(ask()).to.equal(undefined);
    await idle(board);
    expect(ask()?.ok).to.equal(false);
    now = 15;
    expect(ask()).to.equal(undefined);
    await idle(board);
    expect([ask(), ask(), runs]).to.deep.equal([{ ok: true, value: 2 }, { ok: true, value: 2 }, 2]);
    board.forget("x");
    expect(ask()).to.equal(undefined);
    board.close();
  });
});
