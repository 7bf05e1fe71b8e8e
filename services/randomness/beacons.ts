import { AssayError } from "../../runner/errors.ts";
import { decompressSignature, type DrandBeacon, QUICKNET } from "../../runner/randomness/drand.ts";
import { verifySignature } from "../../runner/randomness/verify.ts";
import type { Clock } from "../environment/clock.ts";
import { invalid } from "../environment/options.ts";

/** Longest that a beacon's server may take. */
const PATIENCE_MILLISECONDS = 5_000;
/** Most that it may send; a round has some 250 bytes. */
const MAX_BYTES = 4_096;
const QUICKNET_HASH = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
const QUICKNET_HOSTS = ["api.drand.sh", "api2.drand.sh", "api3.drand.sh", "drand.cloudflare.com"];

/** Where the rounds of a beacon are published when nobody says where: known for quicknet alone. */
export const beaconsOf = ({ publicKey }: DrandBeacon): readonly string[] =>
  publicKey === QUICKNET.publicKey ? QUICKNET_HOSTS.map((host) => `https://${host}/${QUICKNET_HASH}`) : [];

/**
 * URLs under which `/public/ROUND` gives a round, with commas between them. Only https, but for servers on this machine.
 * @throws AssayError OPTION_INVALID
 */
export function parseBeacons(text: string): readonly string[] {
  return text.split(",").map((part) => {
    const url = URL.canParse(part) ? new URL(part) : undefined;
    const own = url?.protocol === "http:" && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
    if (url?.protocol === "https:" || own) return part.replace(/\/+$/, "");
    throw invalid("ASSAY_BEACONS", text, `${part} is no https URL`);
  });
}

/**
 * The signature of a round, from whichever server is the first to give it; all are asked at once. What a server says is
 * checked here: it can be late, but not wrong.
 * @returns The argument of `DrandRandomness.submit`.
 * @throws AssayError BEACON_UNAVAILABLE when none gives it.
 */
export async function fetchSignature(
  urls: readonly string[],
  beacon: DrandBeacon,
  round: bigint,
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
): Promise<string> {
  const done = new AbortController();
  const signals = [done.signal, clock.deadline(PATIENCE_MILLISECONDS), ...(signal === undefined ? [] : [signal])];
  const reasons: string[] = [];
  const ask = async (url: string): Promise<string> => {
    try {
      const signature = signatureIn(await download(`${url}/public/${String(round)}`, AbortSignal.any(signals)));
      if (!verifySignature(beacon, round, signature)) throw new Error("it gives another signature than the beacon's");
      return decompressSignature(signature);
    } catch (error) {
      reasons.push(`${url}: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  };
  try {
    return await Promise.any(urls.map(ask));
  } catch (error) {
    const text = urls.length === 0 ? "set ASSAY_BEACONS to where they are published" : reasons.join("; ");
    throw new AssayError(
      "BEACON_UNAVAILABLE",
      `round ${String(round)} cannot be had: ${text}`,
      { round, reasons },
      { cause: error },
    );
  } finally {
    done.abort();
  }
}

/** Neither redirects nor more bytes than a round has are followed. */
async function download(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { redirect: "error", signal });
  const { body } = response;
  if (!response.ok || body === null) {
    await body?.cancel();
    throw new Error(`the server said ${String(response.status)}`);
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > MAX_BYTES) throw new Error(`it is larger than ${String(MAX_BYTES)} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** The signature in a beacon's answer. */
function signatureIn(text: string): string {
  const answer: unknown = JSON.parse(text);
  if (typeof answer !== "object" || answer === null || !("signature" in answer)) throw new Error("it has no signature");
  const { signature } = answer;
  if (typeof signature !== "string") throw new Error("its signature is no text");
  return signature;
}
