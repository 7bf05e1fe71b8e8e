import { toUtf8Bytes } from "ethers";
import { network } from "hardhat";

import { HAS_SAMPLES, INTEL_ROOT, sample, SAMPLE_TIME, SAMPLES } from "../testing/enclave/samples.ts";
import { chainId, deployVerifier, halves } from "../test/contracts/support/enclave.ts";
import { type GasReading, Gauge } from "./gas/gauge.ts";
import { table } from "./gas/table.ts";

/*
 * What Intel's real documents of a TDX platform, and a real quote of it, cost; the table in docs/enclaves.md:
 *
 *   ASSAY_QUOTES=DIR npx tsx bench/quotes.ts
 */

if (!HAS_SAMPLES) throw new Error(`no real quotes in "${SAMPLES}": ASSAY_QUOTES names their folder`);

const measureSample = async (gauge: Gauge): Promise<void> => {
  const connection = await network.create({ override: { initialDate: new Date(SAMPLE_TIME * 1_000) } });
  const { collateral, verifier } = await deployVerifier(connection.ethers, INTEL_ROOT);
  const { quote, collateral: file } = sample("tdx_v4");
  const [pck, signing] = [file.pck_crl_issuer_chain, file.tcb_info_issuer_chain];
  const chain = (text: string) => collateral.submitChain(toUtf8Bytes(text));
  await gauge.measure("submitChain, of a CA", "whoever issues PCK certificates, for years", chain(pck));
  await chain(signing);
  await gauge.measure(
    "submitRootRevocationList",
    "nobody revoked by the root",
    collateral.submitRootRevocationList(`0x${file.root_ca_crl}`),
  );
  await gauge.measure(
    "submitRevocationList, platform CA",
    "49 revoked platforms; later only those that are new",
    collateral.submitRevocationList(chainId(pck), `0x${file.pck_crl}`),
  );
  await gauge.measure(
    "submitTcbInfo, TDX",
    "the levels of one platform, for 30 days",
    collateral.submitTcbInfo(chainId(signing), toUtf8Bytes(file.tcb_info), ...halves(`0x${file.tcb_info_signature}`)),
  );
  await gauge.measure(
    "submitQeIdentity, TDX",
    "the quoting enclave of all platforms, for 30 days",
    collateral.submitQeIdentity(
      chainId(signing),
      toUtf8Bytes(file.qe_identity),
      ...halves(`0x${file.qe_identity_signature}`),
    ),
  );
  await gauge.measure(
    "verify, real quote of TDX (version 4)",
    "5,006 bytes, as a transaction of its own",
    await verifier.verify.estimateGas(quote),
    { atMost: 700_000n },
  );
  await connection.close();
};

const gauge = new Gauge();
await measureSample(gauge);
const row = ({ name, buys, gas }: GasReading): string[] => [name, gas.toLocaleString("en-US"), buys];
console.log(table(["action", "gas", "what it buys"], ["left", "right", "left"], gauge.readings.map(row)));
