import { AssayError } from "../../runner/errors.ts";
import { createFolderStore, type Store } from "../../runner/files/store.ts";
import { createBucketStore } from "../blobs/bucket.ts";
import { SYSTEM_CLOCK } from "../environment/clock.ts";
import type { Environment } from "../environment/options.ts";
import type { Configuration } from "./configuration.ts";

/** Where a node keeps traces and large inputs: its bucket, else its folder. @throws AssayError CONFIGURATION_INVALID. */
export function storeOf({ store, bucket, bucketRegion: region }: Configuration, environment: Environment): Store {
  if (bucket === undefined) return createFolderStore(store);
  const [accessKeyId = "", secretAccessKey = ""] = [environment.AWS_ACCESS_KEY_ID, environment.AWS_SECRET_ACCESS_KEY];
  if (accessKeyId === "" || secretAccessKey === "") {
    const mistakes = ["bucket: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set, the keys of its owner"];
    throw new AssayError("CONFIGURATION_INVALID", mistakes.join(), { file: "the environment", mistakes });
  }
  return createBucketStore({ url: bucket, region, accessKeyId, secretAccessKey, clock: SYSTEM_CLOCK });
}
