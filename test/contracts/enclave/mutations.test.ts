import { expect } from "chai";
import { getBytes, type Interface, toUtf8Bytes } from "ethers";
import { network } from "hardhat";

import { createRandom } from "../../../runner/machine/prng.ts";
import { mutated, namesOf, withByteChanged, type Mutation } from "../../../testing/enclave/mutations.ts";
import { oracleVerdict } from "../../../testing/enclave/oracle.ts";
import { HAS_SAMPLES, INTEL_ROOT, sample, SAMPLE_TIME } from "../../../testing/enclave/samples.ts";
import { deployVerifier, submitSample } from "../support/enclave.ts";

const { ethers, networkHelpers } = await network.create({
  override: {
    initialDate: new Date((SAMPLE_TIME - 1_000) * 1_000),
    blockGasLimit: 1_000_000_000n,
    transactionGasCap: false,
  },
});
/** Mutated inputs altogether; `npm run fuzz -- --quotes N --seed S` makes more. */
const AMOUNT = Number(process.env.ASSAY_FUZZ ?? 600);
const SEED = Number(process.env.ASSAY_SEED ?? 1);
const BATCH = 40;
/** The most that any input may cost; a quote that holds costs some 400,000 to verify, the largest TCB Info 3,000,000. */
const MOST_GAS = 6_000_000n;
const NAMES = ["sgx_v3", "tdx_v4"] as const;

describe("Mutated inputs", () => {
  before(function () {
    if (!HAS_SAMPLES) this.skip();
  });
  const random = createRandom(SEED);
  const ready = async () => {
    await networkHelpers.time.increaseTo(SAMPLE_TIME);
    const prober = await ethers.deployContract("MutationProber");
    const [sgx, tdx] = [await deployVerifier(ethers, INTEL_ROOT), await deployVerifier(ethers, INTEL_ROOT)];
    await submitSample(sgx.collateral, sample("sgx_v3").collateral);
    await submitSample(tdx.collateral, sample("tdx_v4").collateral);
    return { prober, sgx_v3: sgx, tdx_v4: tdx };
  };
  type Contracts = Awaited<ReturnType<typeof ready>>;
  /** How calls of a function with one argument end, by the names of their errors. */
  const outcomes = async (
    { prober, sgx_v3: { verifier, collateral, reader } }: Contracts,
    target: { readonly target: unknown; readonly interface: Interface },
    method: string,
    mutations: readonly Mutation[],
  ): Promise<string[]> => {
    const names: string[] = [];
    const interfaces = [verifier.interface, collateral.interface, reader.interface];
    for (let i = 0; i < mutations.length; i += BATCH) {
      const calls = mutations
        .slice(i, i + BATCH)
        .map(({ data }) => target.interface.encodeFunctionData(method, [data]));
      const [errors, mostGas] = await prober.probe(target.target as string, calls, MOST_GAS, {
        gasLimit: 900_000_000n,
      });
      expect(mostGas).to.be.lessThan(MOST_GAS);
      names.push(...namesOf(errors, interfaces));
    }
    return names;
  };
  const typed = (names: readonly string[], mutations: readonly Mutation[]) => {
    names.forEach((name, i) => {
      expect(name, mutations[i]?.what).not.to.match(/^(untyped|0x.*|Panic|Error)$/);
    });
  };

  for (const name of NAMES) {
    it(`${name}: every altered byte of a quote is refused with an error that says what`, async () => {
      const contracts = await networkHelpers.loadFixture(ready);
      const quote = getBytes(sample(name).quote);
      const count = Math.max(100, Math.min(2_000, Math.floor(AMOUNT / 10)));
      const mutations = Array.from({ length: count }, () => withByteChanged(quote, random.below(quote.length), random));
      const names = await outcomes(contracts, contracts[name].verifier, "verify", mutations);
      typed(names, mutations);
      names.forEach((error, i) => expect(error, mutations[i]?.what).not.to.equal("returned"));
      // The region says which error: what is signed, the attestation key, the quoting enclave's report, the chain.
      const signedEnd = name === "sgx_v3" ? 432 : 632;
      mutations.forEach(({ what }, i) => {
        const offset = Number(/byte (\d+)/.exec(what)?.[1]);
        if (offset >= 48 && offset < signedEnd) {
          // A report's attributes, components and the rest are compared only after all signatures hold.
          expect(names[i], what).to.equal("QuoteSignatureInvalid");
        }
      });
    });

    it(`${name}: a mutated quote is refused, or means what another verifier says`, async () => {
      const contracts = await networkHelpers.loadFixture(ready);
      const { quote, collateral } = sample(name);
      const count = Math.floor(AMOUNT / 6);
      const mutations = Array.from({ length: count }, () => mutated(getBytes(quote), random));
      const names = await outcomes(contracts, contracts[name].verifier, "verify", mutations);
      typed(names, mutations);
      for (const [i, { data, what }] of mutations.entries()) {
        // What is refused here is compared for a part only: the other verifier takes much longer.
        if (names[i] !== "returned" && i % 10 !== 0) continue;
        const verdict = oracleVerdict(data, collateral, SAMPLE_TIME);
        if (names[i] === "returned") expect(verdict, what).not.to.equal("refused");
        // The other verifier does not look at bytes behind the quote, at the vendor, or at how its PEM is written.
        else if (verdict !== "refused")
          expect(["QuoteMalformed", "PemMalformed", "CollateralMissing"]).to.include(names[i], what);
      }
    });
  }

  for (const [what, method, text] of [
    ["TCB Info of SGX", "readTcbInfo", () => toUtf8Bytes(sample("sgx_v3").collateral.tcb_info)],
    ["TCB Info of TDX", "readTcbInfo", () => toUtf8Bytes(sample("tdx_v4").collateral.tcb_info)],
    ["identity of a quoting enclave", "readQeIdentity", () => toUtf8Bytes(sample("sgx_v3").collateral.qe_identity)],
    ["chain", "readChain", () => toUtf8Bytes(sample("tdx_v4").collateral.pck_crl_issuer_chain)],
    ["revocation list", "readRevocationList", () => getBytes(`0x${sample("tdx_v4").collateral.pck_crl}`)],
  ] as const) {
    it(`a mutated ${what} is read, or refused with an error that says where`, async () => {
      const contracts = await networkHelpers.loadFixture(ready);
      const bytes = text();
      const mutations = Array.from({ length: Math.floor(AMOUNT / 8) }, () => mutated(bytes, random));
      const names = await outcomes(contracts, contracts.sgx_v3.reader, method, mutations);
      typed(names, mutations);
      if (!method.startsWith("read") || method === "readChain" || method === "readRevocationList") return;
      names.forEach((error, i) => {
        if (error !== "returned") return;
        // Nothing that is read here is not JSON.
        expect(() => JSON.parse(Buffer.from(mutations[i]?.data ?? []).toString("latin1")) as unknown).not.to.throw();
      });
    });
  }
});
