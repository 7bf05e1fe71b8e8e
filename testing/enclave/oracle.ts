import { createRequire } from "node:module";

import { getBytes } from "ethers";

import type { SampleCollateral } from "./samples.ts";

/** What a verifier of quotes says: a status, or that it refuses. */
export type Verdict = { readonly status: string; readonly advisories: readonly string[] } | "refused";

interface Library {
  readonly QuoteVerifier: {
    newWithRootCa(root: Buffer): {
      verify(quote: Uint8Array, collateral: object, now: number): { status: string; advisory_ids: string[] };
    };
    newProd(): {
      verify(quote: Uint8Array, collateral: object, now: number): { status: string; advisory_ids: string[] };
    };
  };
}

/** Another verifier of quotes, by others: the package @phala/dcap-qvl. It has no types that name what is used here. */
const library = createRequire(import.meta.url)("@phala/dcap-qvl") as Library;

/** The verdict of the other verifier. `root` is the root certificate in DER; Intel's when it is not given. */
export const oracleVerdict = (
  quote: Uint8Array | string,
  collateral: SampleCollateral,
  now: number,
  root?: Uint8Array,
): Verdict => {
  const { QuoteVerifier } = library;
  const verifier = root === undefined ? QuoteVerifier.newProd() : QuoteVerifier.newWithRootCa(Buffer.from(root));
  try {
    const { status, advisory_ids } = verifier.verify(getBytes(quote), collateral, now);
    return { status, advisories: [...advisory_ids].sort() };
  } catch {
    return "refused";
  }
};
