import { AssayError } from "../../runner/errors.ts";

const fail = (location: string, reason: string): AssayError<"BLOB_UNAVAILABLE"> => {
  const shown = location.slice(0, 200);
  return new AssayError("BLOB_UNAVAILABLE", `"${shown}" cannot be fetched: ${reason}`, { location: shown, reason });
};

/** Content identifier and path. */
const IPFS = /^ipfs:\/\/([A-Za-z0-9]+(?:\/[\w~%-][\w.~%-]*)*)$/;

/** A location that can be fetched: http, https or ipfs. @throws AssayError BLOB_UNAVAILABLE with what to do instead. */
export function fetchable(location: string): string {
  const parsed = URL.canParse(location) ? new URL(location) : undefined;
  if (parsed?.protocol === "http:" || parsed?.protocol === "https:") return parsed.href;
  if (IPFS.test(location)) return location;
  throw fail(location, "the publisher gave no URL; give the file itself in `models`");
}

/** The URL of a location: ipfs://CID/PATH through a gateway, others as they are. @throws AssayError BLOB_UNAVAILABLE. */
export function urlOf(location: string, ipfsGateway?: string): string {
  const path = IPFS.exec(location)?.[1];
  if (path === undefined) return location;
  if (ipfsGateway === undefined) throw fail(location, "give `ipfsGateway`, a server that fetches ipfs:// locations");
  return `${ipfsGateway.replace(/\/+$/, "")}/ipfs/${path}`;
}
