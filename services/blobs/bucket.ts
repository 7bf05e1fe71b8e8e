import { AwsClient } from "aws4fetch";

import { type Hash, keccak256, toHash } from "../../runner/commitment/keccak.ts";
import { AssayError } from "../../runner/errors.ts";
import { isHash } from "../../runner/files/fields.ts";
import type { Store } from "../../runner/files/store.ts";
import type { Clock } from "../environment/clock.ts";

/** A bucket of S3, or of what speaks as it does. */
export interface Bucket {
  /** URL of the bucket, with a folder in it if there is one: https://HOST/BUCKET/FOLDER. */
  readonly url: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly clock: Clock;
}

const PATIENCE_MILLISECONDS = 60_000;
const RETRIES = 4;

/** A store in a bucket: what several machines of one operator share. What it gives is compared with its name, as a folder's. */
export function createBucketStore({ url, region, accessKeyId, secretAccessKey, clock }: Bucket): Store {
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: "s3", retries: RETRIES });
  const ask = async (method: string, id: Hash, body?: Uint8Array<ArrayBuffer>): Promise<Response> => {
    if (!isHash(id)) {
      const details = { name: "id", expected: "0x and 64 lower-case hex digits", actual: String(id) };
      throw new AssayError("COMMITMENT_MISMATCH", `${details.actual} is not the id of a blob`, details);
    }
    const signal = clock.deadline(PATIENCE_MILLISECONDS);
    const place = `${url.replace(/\/+$/, "")}/${id}`;
    return await client.fetch(place, { method, signal, ...(body === undefined ? {} : { body }) });
  };
  const refused = (id: Hash, { status }: Response): AssayError<"BLOB_UNAVAILABLE"> => {
    const reason = `the bucket said ${String(status)}`;
    return new AssayError("BLOB_UNAVAILABLE", `${id}: ${reason}`, { location: id, reason });
  };
  const has = async (id: Hash): Promise<boolean> => {
    const response = await ask("HEAD", id);
    if (response.ok || response.status === 404) return response.ok;
    throw refused(id, response);
  };
  return {
    has,
    async put(bytes) {
      const id = toHash(keccak256(bytes));
      if (await has(id)) return id;
      const response = await ask("PUT", id, Uint8Array.from(bytes));
      await response.body?.cancel();
      if (!response.ok) throw refused(id, response);
      return id;
    },
    async get(id) {
      const response = await ask("GET", id);
      if (response.status === 404) throw new AssayError("STORE_MISSING", `the bucket has no blob ${id}`, { id });
      if (!response.ok) throw refused(id, response);
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (toHash(keccak256(bytes)) === id) return bytes;
      throw new AssayError("STORE_CORRUPT", `blob ${id} of the bucket no longer hashes to its name`, { id, path: id });
    },
    async remove(id) {
      const response = await ask("DELETE", id);
      await response.body?.cancel();
      if (!response.ok && response.status !== 404) throw refused(id, response);
    },
  };
}
