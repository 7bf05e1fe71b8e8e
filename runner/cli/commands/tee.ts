import { readdirSync } from "node:fs";
import { join } from "node:path";

import {
  type CollateralFacts,
  COLLATERAL_FIELDS,
  collateralFacts,
  type CollateralFile,
} from "../../enclave/collateral.ts";
import { parseQuote } from "../../enclave/quote.ts";
import { AssayError } from "../../errors.ts";
import { Fields } from "../../files/fields.ts";
import { readBytes, readText } from "../../files/read.ts";
import type { CommandResult } from "../context.ts";
import { list } from "../table.ts";

/** Quotes have some 5,000 bytes, collateral some 20,000. */
const MAX_BYTES = 2 ** 20;

/** `assay tee inspect QUOTE`: what a quote says; nothing is verified. */
export function inspectQuote(path: string): CommandResult {
  const quote = parseQuote(readBytes(path, MAX_BYTES), path);
  const { signer, productId, isvSvn } = quote.quotingEnclave;
  const text = list([
    ["file", path],
    ["quote", `version ${quote.version}, ${quote.tee}${quote.isDebug ? ", can be debugged: refused" : ""}`],
    ["measurement", quote.measurement],
    ["report data", quote.reportData],
    ...Object.entries(quote.report).map(([name, value]): [string, string] => [name, value]),
    ["quoting enclave", `${signer}, product ${productId}, version ${isvSvn}`],
    ["PCK chain", `${quote.chain.length} characters`],
    ["bytes behind", String(quote.trailing)],
  ]);
  return { exitCode: 0, data: { file: path, ...quote }, text };
}

const readCollateral = (path: string): CollateralFacts => {
  const malformed = (cause: unknown): AssayError =>
    new AssayError("FILE_MALFORMED", `${path} is not collateral`, { path, reason: "not collateral" }, { cause });
  try {
    const fields = new Fields(path, JSON.parse(readText(path, MAX_BYTES)) as unknown, "the file");
    const entries = COLLATERAL_FIELDS.map((name) => [name, fields.text(name)] as const);
    return collateralFacts(Object.fromEntries(entries) as Record<keyof CollateralFile, string>);
  } catch (error) {
    throw error instanceof AssayError ? error : malformed(error);
  }
};

const said = (holds: boolean): string => (holds ? "signature holds" : "SIGNATURE DOES NOT HOLD");

const render = (path: string, { pck, signing, tcbInfo, qeIdentity }: CollateralFacts): string =>
  list([
    ["file", path],
    ...(
      [
        ["PCK chain", pck],
        ["signing chain", signing],
      ] as const
    ).flatMap(([name, chain]): [string, string][] => [
      [name, chain.id],
      ...chain.certificates.map(({ subject, serial, notAfter }): [string, string] => [
        "  certificate",
        `${subject}, serial ${serial}, until ${notAfter.toISOString()}`,
      ]),
      ["  root key", `${chain.root.x} ${chain.root.y}`],
      ["  signatures", said(chain.holds)],
    ]),
    ...(
      [
        ["TCB Info", tcbInfo],
        ["QE identity", qeIdentity],
      ] as const
    ).flatMap(([name, document]): [string, string][] => [
      [name, `${document.id} ${document.platform}`.trim()],
      ["  evaluation", `${document.evaluation}, from ${document.issued} until ${document.expires}`],
      ["  levels", document.levels.join(", ")],
      ["  signature", said(document.holds)],
    ]),
  ]);

/** `assay tee collateral FOLDER`: what each JSON file of collateral in a folder says, and whether its signatures hold. */
export function inspectCollateral(folder: string): CommandResult {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => ({ path: join(folder, name), facts: readCollateral(join(folder, name)) }));
  if (files.length === 0) {
    throw new AssayError("FILE_UNREADABLE", `${folder} has no file of collateral`, { path: folder, reason: "empty" });
  }
  const holds = files.every(({ facts }) => Object.values(facts).every((part: { holds: boolean }) => part.holds));
  return {
    exitCode: holds ? 0 : 1,
    data: files.map(({ path, facts }) => ({ file: path, ...facts })),
    text: files.map(({ path, facts }) => render(path, facts)).join("\n\n"),
  };
}
