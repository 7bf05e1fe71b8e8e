import { AssayError } from "../../runner/errors.ts";

/**
 * The URL of a location: http and https as they are, ipfs://CID/PATH through a gateway.
 * @throws AssayError BLOB_UNAVAILABLE for what cannot be fetched, with what to do.
 */
export function urlOf(location: string, ipfsGateway?: string): string {
  const shown = location.slice(0, 200);
  const fail = (reason: string): AssayError<"BLOB_UNAVAILABLE"> =>
    new AssayError("BLOB_UNAVAILABLE", `"${shown}" cannot be fetched: ${reason}`, { location: shown, reason });
  const parsed = URL.canParse(location) ? new URL(location) : undefined;
  if (parsed?.protocol === "http:" || parsed?.protocol === "https:") return parsed.href;
  const [, path] = /^ipfs:\/\/([A-Za-z0-9]+(?:\/[\w.~%-]+)*)$/.exec(location) ?? [];
  if (path === undefined) throw fail("the publisher gave no URL; give the file itself in `models`");
  if (ipfsGateway === undefined) throw fail("give `ipfsGateway`, a server that fetches ipfs:// locations");
  return `${ipfsGateway.replace(/\/+$/, "")}/ipfs/${path}`;
}
