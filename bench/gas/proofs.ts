import { dataLength, ZeroHash } from "ethers";
import { network } from "hardhat";

import { GROTH16_MODE } from "../../ignition/modules/Assay.ts";
import { deploySuite } from "../../services/chain/deploy.ts";
import { contextOf, type Signer } from "../../services/chain/connection.ts";
import { attach } from "../../services/chain/deployment.ts";
import { CHAIN_CLOCK } from "../../services/environment/clock.ts";
import { execute, hostModel, joinTensors } from "../../services/models/models.ts";
import { publish } from "../../services/publisher/publish.ts";
import { BEGINNING, steadyTime } from "../../testing/court-stage.ts";
import { INTEGER_DIGITS } from "../../testing/zk/circuit.ts";
import { digitsCircuit, digitsProver, unseenDigit } from "../../testing/zk/digits.ts";
import type { GasScenario } from "./gauge.ts";

/** The check of a proof, with everything that binds it to the claim. */
const PROOF_AIM = 260_000n;
/** EIP-2028: gas of a byte of calldata that is not zero. */
const BYTE_GAS = 16n;

/** Answers shown by a Groth16 proof. */
export const proofScenario: GasScenario = {
  title: "A digit with a proof",
  text:
    "The classifier in whole numbers of `models/integer-digits/`: 64 bytes in, 40 bytes out, five public inputs. Of the " +
    "check, the pairings take 181,000 and each public input 6,150; the rest is the roots of input and output, the key's " +
    "hash and the first access to two registries.",
  run: async (gauge) => {
    const connection = await network.create({ override: { initialDate: BEGINNING } });
    steadyTime(connection);
    const [publisher] = (await connection.ethers.getSigners()) as [Signer];
    const deployment = await deploySuite(connection);
    const { circuits, groth16, registry } = attach(deployment, publisher);
    const [model, circuit] = [await hostModel(INTEGER_DIGITS), await digitsCircuit()];
    const publishing = contextOf(connection, deployment, publisher, { report: () => undefined, clock: CHAIN_CLOCK });
    const versionId = await publish(publishing, model, {});
    await gauge.measure(
      "registerGroth16",
      "the one key under which answers are proved, every point of it checked",
      circuits.registerGroth16(versionId, circuit.circuitHash, circuit.key),
    );
    const { image } = await unseenDigit(0);
    const run = await execute(model, image);
    const context = {
      market: publisher.address,
      requestId: ZeroHash,
      versionId,
      numericsVersion: 1,
      inputRoot: await registry.inputRootFor(versionId, image),
      outputRoot: run.outputRoot,
      operator: publisher.address,
      mode: GROTH16_MODE,
      deadline: 0,
      windowSeconds: 0,
    };
    const evidence = await digitsProver(groth16, circuit)(context, {
      inputs: image,
      outputs: joinTensors(run.outputs),
    });
    const meter = await connection.ethers.deployContract("GasMeter");
    const call = groth16.interface.encodeFunctionData("verify", [context, evidence]);
    await gauge.measure("Groth16Verifier.verify", "no answer but the right one", await meter.measure(groth16, call), {
      atMost: PROOF_AIM,
    });
    const bytes = BigInt(dataLength(evidence));
    await gauge.measure(
      "calldata of the evidence, at most",
      `${bytes.toLocaleString("en")} bytes: proof, question, answer and key`,
      bytes * BYTE_GAS,
    );
    await connection.close();
  },
};
