import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { circuitSource, compileCircuit, INTEGER_DIGITS } from "../testing/zk/circuit.ts";
import { PROVING_KEY, VERIFYING_KEY } from "../testing/zk/digits.ts";
import { setUp } from "../testing/zk/groth16.ts";

/*
 * Writes the keys of the circuit in models/integer-digits: `npm run circuit`. The randomness is public, so the same
 * circuit gives the same bytes. It takes about a minute of one core.
 */

const folder = await mkdtemp(join(tmpdir(), "assay-circuit-"));
try {
  const { r1cs } = await compileCircuit(await circuitSource(INTEGER_DIGITS), folder);
  const { zkey, key } = await setUp(r1cs);
  await writeFile(PROVING_KEY, zkey);
  await writeFile(VERIFYING_KEY, `${key}\n`);
  console.log(`${PROVING_KEY} and ${VERIFYING_KEY} written`);
} finally {
  await rm(folder, { recursive: true });
}
