import { expect } from "chai";

import { createRandom } from "../../runner/machine/prng.ts";
import { execute, type HostedModel, hostModel, joinTensors } from "../../services/models/models.ts";
import { INTEGER_DIGITS } from "../../testing/zk/circuit.ts";
import { type DigitsCircuit, digitsCircuit, elementsOf, unseenDigit } from "../../testing/zk/digits.ts";
import { isSatisfied } from "../../testing/zk/groth16.ts";

describe("the circuit of models/integer-digits", () => {
  const random = createRandom(5);
  let circuit: DigitsCircuit;
  let model: HostedModel;
  before(async () => {
    [circuit, model] = [await digitsCircuit(), await hostModel(INTEGER_DIGITS)];
  });

  const holds = (outputs: Uint8Array, image: Uint8Array, context = 1n): Promise<boolean> =>
    isSatisfied(circuit.wasm, context, elementsOf(Buffer.concat([outputs, image])));
  const answer = async (image: Uint8Array): Promise<Uint8Array> =>
    Uint8Array.from(joinTensors((await execute(model, image)).outputs));

  it("holds for what the tensor machine computes: digits, random bytes, and bytes at the ends", async () => {
    const digits = await Promise.all(Array.from({ length: 6 }, async (_, i) => (await unseenDigit(i * 10)).image));
    const others = [0, 1, 255].map((value) => new Uint8Array(64).fill(value));
    const extremes = Array.from({ length: 2 }, () => random.bytes(64).map((byte) => (byte & 1 ? 255 : 0)));
    for (const image of [...digits, ...others, ...extremes, random.bytes(64)]) {
      expect(await holds(await answer(image), image)).to.equal(true);
    }
  });
  it("holds for no other value of any score", async () => {
    const { image } = await unseenDigit(3);
    const outputs = await answer(image);
    for (let score = 0; score < 10; score++) {
      const [other, byte] = [Uint8Array.from(outputs), 4 * score + random.below(4)];
      other[byte] = (other[byte] ?? 0) ^ (1 << random.below(8));
      expect(await holds(other, image), `byte ${String(byte)}`).to.equal(false);
    }
  });
  it("does not hold for an element of more than its bytes", async () => {
    const { image } = await unseenDigit(3);
    const data = elementsOf(Buffer.concat([await answer(image), image]));
    for (const [i, bits] of [248n, 248n, 248n, 88n].entries()) {
      const wider = data.map((value, at) => (at === i ? value + (1n << bits) : value));
      expect(await isSatisfied(circuit.wasm, 1n, wider)).to.equal(false);
    }
    expect(await isSatisfied(circuit.wasm, 1n, data)).to.equal(true);
  });
  it("takes any context", async () => {
    const { image } = await unseenDigit(3);
    const outputs = await answer(image);
    for (const context of [0n, (1n << 248n) - 1n]) expect(await holds(outputs, image, context)).to.equal(true);
  });
});
