import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { expect } from "chai";

import { readInputs } from "../../runner/files/model.ts";
import { createFolderStore } from "../../runner/files/store.ts";
import { execute, type HostedModel, hostModel, joinTensors, type Run } from "../../services/models/models.ts";
import { senderInTurn } from "../../services/chain/sender.ts";
import { type Database, openDatabase } from "../../services/database/database.ts";
import { giveUpLeases, SharedWork, takeLease } from "../../services/database/leases.ts";
import type { Hash } from "../../runner/commitment/keccak.ts";
import { takeWork } from "../../services/chain/share.ts";
import { flipOneBit } from "../../testing/forgeries.ts";
import { type CourtStage, openStage, WINDOW_SECONDS } from "../../testing/court-stage.ts";

/* Processes that share the work of one account over one database. ASSAY_TEST_DATABASE names a Postgres to run it with. */

describe("Leases", () => {
  let folder: string;
  let database: Database;
  let model: HostedModel;
  let stage: CourtStage;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-leases-"));
    database = await openDatabase(process.env.ASSAY_TEST_DATABASE ?? join(folder, "database"));
    model = await hostModel("models/digits/digits.int8.onnx?N=1");
  });
  beforeEach(async () => {
    await database.query("delete from leases");
  });
  after(async () => {
    await database.close();
    await rm(folder, { recursive: true, force: true });
  });

  const workOf = (owner: string, seconds = 60): SharedWork =>
    new SharedWork(database, { realm: "chain", owner, seconds });

  describe("takeLease", () => {
    it("gives a lease to one of those who ask at a time", async () => {
      const owners = Array.from({ length: 8 }, (_, i) => `owner ${String(i)}`);
      const taken = await Promise.all(owners.map((owner) => takeLease(database, "work", owner, 60)));
      expect(taken.filter((each) => each)).to.have.length(1);
    });

    it("gives it again to its owner, and to nobody else until it is over or given up", async () => {
      const take = (owner: string, seconds: number): Promise<boolean> => takeLease(database, "work", owner, seconds);
      expect([await take("a", 60), await take("a", 60), await take("b", 60)]).to.deep.equal([true, true, false]);
      await giveUpLeases(database, ["work"], "b");
      expect(await take("b", 60)).to.equal(false);
      // Over as soon as it is taken, by the clock of the database.
      await take("a", 0);
      expect([await take("b", 60), await take("a", 60)]).to.deep.equal([true, false]);
      await giveUpLeases(database, ["work"], "b");
      expect(await take("a", 60)).to.equal(true);
    });
  });

  describe("SharedWork", () => {
    it("gives up what is no more wanted, and keeps the rest", async () => {
      const [a, b] = [workOf("a"), workOf("b")];
      expect([await a.take("1"), await a.take("2")]).to.deep.equal([true, true]);
      await a.retain(new Set(["2"]));
      expect([await b.take("1"), await b.take("2"), a.holds("1")]).to.deep.equal([true, false, false]);
    });

    it("slow work is taken as far as there is room, in its order; what is held already needs none", async () => {
      const [a, b] = [workOf("a"), workOf("b")];
      const pieces = ["1", "2", "3", "4"].map((name) => ({ name, slow: name !== "4" }));
      const names = async (share: SharedWork, room: number) => {
        const { own, fresh } = await takeWork(share, pieces, room);
        return [own.map(({ name }) => name).join(" "), fresh];
      };
      expect(await names(a, 1)).to.deep.equal(["1 4", true]);
      expect(await names(b, 5)).to.deep.equal(["2 3", true]);
      expect(await names(a, 0)).to.deep.equal(["1 4", false]);
    });

    it("renewed, it stays; lost meanwhile, it is another one's", async () => {
      const [a, b] = [workOf("a", 0), workOf("b")];
      await a.take("1");
      await a.take("2");
      await b.take("1");
      await a.renew();
      expect([a.holds("1"), await b.take("1")]).to.deep.equal([false, true]);
    });

    it("another realm has other work", async () => {
      const other = new SharedWork(database, { realm: "another chain", owner: "b" });
      expect([await workOf("a").take("1"), await other.take("1")]).to.deep.equal([true, true]);
    });

    it("what is done alone is done one after the other, also when one of them fails", async () => {
      const log: string[] = [];
      const run = async (owner: string, fails: boolean): Promise<unknown> =>
        await workOf(owner)
          .alone(
            "turn",
            () => pause(5),
            async () => {
              log.push(`${owner} begins`);
              await database.query("select 1");
              log.push(`${owner} ends`);
              if (fails) throw new Error(owner);
            },
          )
          .catch(() => undefined);
      await Promise.all([run("a", true), run("b", false), run("c", false)]);
      expect(log).to.have.length(6);
      for (let i = 0; i < 6; i += 2) expect(log[i]?.split(" ")[0]).to.equal(log[i + 1]?.split(" ")[0]);
    });
  });

  describe("services that share an account", () => {
    const REQUESTS = 4;
    let ids: Hash[];
    beforeEach(async () => {
      stage = await openStage([model], createFolderStore(join(folder, "store")));
      const image = readInputs(model.model, "image", ["image=models/digits/images/digit-3.npy"]);
      ids = [];
      for (let i = 0; i < REQUESTS; i++) ids.push(await stage.open(model, image));
      await database.query("delete from leases");
    });

    /** What a process of an account has; it sends in turn with the others. */
    const shared = (owner: string, seconds = 60) => {
      const share = workOf(owner, seconds);
      const { sender } = stage.contextFor(stage.accounts.operating);
      return { share, sender: senderInTurn(sender, (send) => share.alone("sender", () => pause(5), send)) };
    };
    const watching = (owner: string) => {
      const share = workOf(owner);
      const { sender } = stage.contextFor(stage.accounts.watching);
      return { share, sender: senderInTurn(sender, (send) => share.alone("sender", () => pause(5), send)) };
    };
    const actions = (kind: string): number => stage.sentSince(0).filter(({ action }) => action.kind === kind).length;

    it("two operators answer every request once, and both have some of them", async () => {
      const executed: string[] = [];
      const operator = (owner: string) =>
        stage.operator({
          ...shared(owner),
          tamper: (run: Run) => {
            executed.push(owner);
            return Promise.resolve(run);
          },
        });
      const both = [operator("a"), operator("b")];
      for (let i = 0; i < 2; i++) await Promise.all(both.map((each) => each.step()));
      for (let i = 0; i < 3; i++) await Promise.all(both.map((each) => each.look()));
      expect([actions("drawn"), actions("claimed")]).to.deep.equal([REQUESTS, REQUESTS]);
      expect(executed).to.have.length(REQUESTS);
      expect(new Set(executed).size).to.equal(2);
      await stage.advance(WINDOW_SECONDS + 1);
      for (let i = 0; i < 2; i++) await Promise.all(both.map((each) => each.look()));
      expect(actions("finalised")).to.equal(REQUESTS);
    });

    it("what one has that died is done by the other when its leases are over, the most urgent first", async () => {
      const dead = workOf("dead", 60);
      for (const id of ids) await dead.take(`open ${id}`);
      const operator = stage.operator(shared("b"));
      await operator.look();
      expect(actions("drawn")).to.equal(0);
      await database.query("update leases set until = 0 where owner = 'dead'");
      await operator.look();
      await operator.look();
      expect(actions("claimed")).to.equal(REQUESTS);
      const order = stage.sentSince(0).flatMap(({ action }) => (action.kind === "drawn" ? [action.requestId] : []));
      expect(order).to.deep.equal(ids);
    });

    it("two watchers challenge and convict every forgery once", async () => {
      const image = readInputs(model.model, "image", ["image=models/digits/images/digit-3.npy"]);
      const forged = (await flipOneBit(model, await execute(model, joinTensors(image)))).run;
      const forger = stage.operator({ tamper: () => Promise.resolve(forged) });
      for (let i = 0; i < 2; i++) await forger.look();
      const both = [stage.watcher(watching("a")), stage.watcher(watching("b"))];
      for (let i = 0; i < 6; i++) {
        await Promise.all(both.map((each) => each.look()));
        await forger.look().catch(() => undefined);
        await stage.networkHelpers.mine(2);
      }
      expect([actions("challenged"), actions("convicted")]).to.deep.equal([REQUESTS, REQUESTS]);
    });
  });
});
