import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A watcher's secret, made on first use and kept where only its user reads it. */
export async function secretIn(folder: string): Promise<string> {
  const path = join(folder, "watcher.secret");
  await mkdir(folder, { recursive: true });
  try {
    await writeFile(path, `0x${randomBytes(32).toString("hex")}`, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  return await readFile(path, "utf8");
}
