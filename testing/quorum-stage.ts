import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { parseEther, ZeroAddress } from "ethers";

import { OPTIMISTIC_MODE } from "../ignition/modules/Assay.ts";
import { readInputs } from "../runner/files/model.ts";
import type { Store } from "../runner/files/store.ts";
import { type QuorumStatus, quorumStatusOf, seatStatusOf } from "../runner/protocol/enums.ts";
import { policyOf } from "../services/chain/evidence.ts";
import { allow, fund } from "../services/chain/funds.ts";
import type { Signer } from "../services/chain/connection.ts";
import { CHAIN_CLOCK } from "../services/environment/clock.ts";
import { hostModel, joinTensors } from "../services/models/models.ts";
import { join as joinOperators } from "../services/operator/stake.ts";
import { type QuorumOptions, QuorumService } from "../services/quorum/quorum.ts";
import { openWorkshop } from "../services/work/workshop.ts";
import { openStage } from "./court-stage.ts";

export const QUORUM_FEE = parseEther("20");

/** A quorum of the digits: five operators, each with the service that `optionsOf` changes; nobody watches. */
export async function openQuorumStage(
  store: Store,
  optionsOf: (place: number) => Partial<QuorumOptions> = () => ({}),
  { threshold = 3 } = {},
) {
  const model = await hostModel("models/digits/digits.onnx?N=1");
  const stage = await openStage([model], store);
  const { accounts, contextFor, networkHelpers, suite, asking, connection } = stage;
  const more = (await connection.ethers.getSigners()).slice(6, 10);
  const signers = [accounts.operating, ...more];
  for (const signer of more) {
    await joinOperators(contextFor(signer), [model], { amount: parseEther("10000"), endpoint: "" });
  }
  await networkHelpers.time.increase(await suite.pools.EPOCH_SECONDS());
  const folder = await mkdtemp(join(tmpdir(), "assay-quorum-"));
  const players: { readonly signer: Signer; readonly service: QuorumService }[] = [];
  for (const [place, signer] of signers.entries()) {
    const context = contextFor(signer);
    // Who convicts needs bonds for the court.
    await fund(context, parseEther("1000"));
    await allow(context, suite.court);
    const options: QuorumOptions = {
      ...context,
      ...{ models: [model], store, locationPrefix: "store:", custody: join(folder, signer.address) },
      workshop: openWorkshop({ clock: CHAIN_CLOCK, privateAddresses: true }),
      secret: `0x${String(place + 1).repeat(64)}`,
      ...optionsOf(place),
    };
    players.push({ signer, service: new QuorumService(options) });
  }

  await allow(asking, suite.quorums);
  await asking.ledger.sync();
  const [versionId] = asking.ledger.versionsOf(model.commitment.commitment);
  if (versionId === undefined) throw new Error("the model is not published");
  const image = readInputs(model.model, "image", ["image=models/digits/images/digit-7.npy"]);
  const opening = await suite.quorums.open({
    ...{ versionId, inputs: joinTensors(image), policy: policyOf(OPTIMISTIC_MODE) },
    ...{ seats: players.length, threshold, fee: QUORUM_FEE, valueAtRisk: parseEther("80") },
    ...{ openSeconds: 3_600, commitSeconds: 3_600, revealSeconds: 3_600, windowSeconds: 3_600 },
    ...{ callback: ZeroAddress, callbackGas: 0 },
  });
  await asking.ledger.sync();
  const [view] = [...asking.ledger.quorums.values()];
  if (view === undefined) throw new Error("no quorum is open");
  const { id } = view;

  const status = async (): Promise<QuorumStatus> => quorumStatusOf((await suite.quorums.quorumOf(id)).status);
  const seats = async () =>
    Promise.all(
      players.map(async (_, number) => {
        const seat = await suite.quorums.seatOf(id, number);
        return { operator: seat.operator, status: seatStatusOf(seat.status) };
      }),
    );
  /** Everybody looks, and blocks pass, until the quorum stands so. */
  const playUntil = async (reached: () => Promise<boolean>): Promise<void> => {
    for (let round = 0; round < 40; round++) {
      for (const { service } of players) await service.look();
      if (await reached()) return;
      await networkHelpers.mine(3);
    }
    throw new Error(`the quorum is ${await status()}`);
  };
  return { ...stage, model, players, id, view, opening, status, seats, playUntil };
}
