import { isHash } from "../../files/fields.ts";
import { compareManifests, type ModelDifference, readManifestFile } from "../../inspection/manifest-file.ts";
import type { CommandContext, CommandResult } from "../context.ts";
import { parseShapes, usage } from "../options.ts";
import { list } from "../table.ts";
import { commitments } from "./inspect.ts";
import { compileManifest } from "./manifest.ts";

export interface VerifyModelOptions {
  readonly shape: readonly string[];
  readonly manifest?: string;
  readonly commitment?: string;
}

/** `assay verify-model MODEL`: compiles a published file again; the same roots, or what differs. */
export async function verifyModel(
  path: string,
  options: VerifyModelOptions,
  context: CommandContext,
): Promise<CommandResult> {
  const { commitment } = options;
  if (commitment !== undefined && !isHash(commitment)) {
    throw usage("--commitment", `takes 0x and 64 lower-case hex digits, not "${commitment}"`);
  }
  const published = options.manifest === undefined ? undefined : readManifestFile(options.manifest);
  if (published === undefined && commitment === undefined) {
    throw usage("verify-model", "needs something to verify against: --manifest FILE, --commitment 0x…, or both");
  }
  const compiled = await compileManifest(path, parseShapes(options.shape), context, published?.shapes);
  const differences: ModelDifference[] = published === undefined ? [] : [...compareManifests(published, compiled)];
  if (commitment !== undefined && commitment !== compiled.commitment) {
    differences.push({ what: "model commitment asked for", expected: commitment, actual: compiled.commitment });
  }
  const sameFile = published === undefined ? undefined : published.file.hash === compiled.file.hash;
  const same = differences.length === 0;
  const data = { same, sameFile, differences, commitment: compiled.commitment, manifest: compiled.manifest };
  return { exitCode: same ? 0 : 1, data, text: render(differences, sameFile, compiled) };
}

function render(
  differences: readonly ModelDifference[],
  sameFile: boolean | undefined,
  { commitment, manifest }: { readonly commitment: string; readonly manifest: Parameters<typeof commitments>[1] },
): string {
  const found = list(commitments(commitment, manifest));
  const file = sameFile === false ? " The file is not the published one, byte for byte." : "";
  if (differences.length === 0) return `Same model.${file}\n${found}`;
  const lines = differences.map(
    ({ what, expected, actual }) => `  ${what}\n    published  ${expected}\n    compiled   ${actual}`,
  );
  return `Not the same model.${file}\n${lines.join("\n")}`;
}
