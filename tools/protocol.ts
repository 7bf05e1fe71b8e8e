/** Writes runner/protocol/: what TypeScript repeats of the contracts. `npm run protocol`. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { format, resolveConfig } from "prettier";

import { readProtocol } from "./protocol/read.ts";
import { protocolFiles } from "./protocol/write.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
for (const [name, text] of protocolFiles(readProtocol(`${root}artifacts`))) {
  const path = `${root}runner/protocol/${name}`;
  writeFileSync(path, await format(text, { ...(await resolveConfig(path)), filepath: path }));
}
