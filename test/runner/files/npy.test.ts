import { expect } from "chai";

import { decodeNpy, encodeNpy } from "../../../runner/files/npy.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { product } from "../../../runner/machine/shape.ts";
import { DTYPE_BYTES, DTYPES } from "../../../runner/machine/dtype.ts";
import { tensorBytes, tensorFrom, tensorFromBytes } from "../../../runner/machine/tensor.ts";
import { expectError, npy } from "./support.ts";

const header = (descr: string, shape: string, fortran = "False"): string =>
  `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;
const bytes = (...row: number[]): Uint8Array => Uint8Array.from(row);
const decode = (file: Uint8Array<ArrayBuffer>) => decodeNpy("x.npy", file);

describe("npy files", () => {
  describe("encodeNpy > decodeNpy", () => {
    const random = createRandom(7);
    for (const dtype of DTYPES) {
      for (const shape of [[], [5], [1], [2, 3], [2, 1, 3, 2]]) {
        it(`gives back every bit of ${dtype} under shape [${shape.join(", ")}]`, () => {
          const length = product(shape);
          const tensor = tensorFromBytes(dtype, random.bytes(length * DTYPE_BYTES[dtype]));
          const file = encodeNpy(tensor, shape);
          const back = decode(Uint8Array.from(file));
          expect(back.element).to.equal(dtype);
          expect(back.shape).to.deep.equal(shape);
          expect(tensorBytes(back.tensor)).to.deep.equal(tensorBytes(tensor));
        });
      }
    }

    it("aligns the data to 64 bytes, as numpy does", () => {
      const file = encodeNpy(tensorFrom("u8", [7]), [1]);
      expect(file.length).to.equal(129);
      expect(file[128]).to.equal(7);
    });
  });

  describe("decodeNpy", () => {
    for (const major of [1, 2, 3]) {
      it(`reads version ${String(major)}.0`, () => {
        const { shape, tensor } = decode(npy(header("'<i2'", "(2,)"), bytes(1, 0, 255, 255), { major }));
        expect(shape).to.deep.equal([2]);
        expect([...tensor.data]).to.deep.equal([1, -1]);
      });
    }

    it("puts big-endian elements in order", () => {
      const { tensor } = decode(npy(header("'>i4'", "(2,)"), bytes(0, 0, 0, 1, 255, 255, 255, 254)));
      expect([...tensor.data]).to.deep.equal([1, -2]);
    });

    it("puts Fortran order in row-major order", () => {
      const { shape, tensor } = decode(npy(header("'|u1'", "(2, 3)", "True"), bytes(1, 4, 2, 5, 3, 6)));
      expect(shape).to.deep.equal([2, 3]);
      expect([...tensor.data]).to.deep.equal([1, 2, 3, 4, 5, 6]);
    });

    it("puts Fortran order of three dimensions in row-major order", () => {
      const data = Uint8Array.from(
        { length: 24 },
        (_, f) => (f % 2) * 12 + (Math.floor(f / 2) % 3) * 4 + Math.floor(f / 6),
      );
      const { tensor } = decode(npy(header("'|u1'", "(2, 3, 4)", "True"), data));
      expect([...tensor.data]).to.deep.equal(Array.from({ length: 24 }, (_, i) => i));
    });

    it("reads a header with double quotes, other spacing and another order of fields", () => {
      const file = npy(`{ "shape" : ( 2 , ) , "descr":"|b1" ,"fortran_order": False}`, bytes(1, 0));
      expect(decode(file).element).to.equal("bool");
    });

    it("keeps NaN payloads", () => {
      const { tensor } = decode(npy(header("'<f4'", "()"), bytes(1, 0, 0xa0, 0x7f)));
      expect([...tensorBytes(tensor)]).to.deep.equal([1, 0, 0xa0, 0x7f]);
    });

    it("reads f64 as the integers that hold its bits", () => {
      const { element, tensor } = decode(npy(header("'<f8'", "(1,)"), bytes(0, 0, 0, 0, 0, 0, 0xf0, 0x3f)));
      expect([element, tensor.dtype, tensor.data[0]]).to.deep.equal(["f64", "u64", 0x3ff0000000000000n]);
    });

    const malformed: readonly (readonly [string, Uint8Array<ArrayBuffer>, RegExp])[] = [
      ["an empty file", Uint8Array.of(), /not a \.npy file/],
      ["another magic", Uint8Array.from(new TextEncoder().encode("PK\x03\x04 an npz file")), /not a \.npy file/],
      ["version 4", npy(header("'<f4'", "(1,)"), bytes(0, 0, 0, 0), { major: 4 }), /version 4/],
      ["a file that ends after the magic", npy("", bytes()).slice(0, 7), /within its header|version/],
      ["a header that goes past the end", npy("{}", bytes(), { headerLength: 500 }), /within its header/],
      ["a header of 4 GB", npy("{}", bytes(), { major: 2, headerLength: 2 ** 32 - 1 }), /header of 4294967295 bytes/],
      ["a header that is code", npy("__import__('os').system('true')", bytes()), /not a dictionary/],
      ["code inside the header", npy("{'descr': exit(), }", bytes()), /cannot be read/],
      ["a missing field", npy("{'descr': '<f4', 'shape': (1,)}", bytes()), /without 'fortran_order'/],
      ["a repeated field", npy("{'descr': '<f4', 'descr': '<f4'}", bytes()), /twice/],
      ["a negative size", npy(header("'<f4'", "(-1,)"), bytes()), /shape/],
      ["fortran_order 1", npy(header("'<f4'", "(1,)", "'1'"), bytes(0, 0, 0, 0)), /fortran_order/],
      ["too few bytes", npy(header("'<f4'", "(2,)"), bytes(0, 0, 0, 0)), /8 bytes, but has 4; was it cut short/],
      ["too many bytes", npy(header("'<f4'", "(1,)"), bytes(0, 0, 0, 0, 0)), /4 bytes, but has 5/],
      [
        "10 GB declared in 100 bytes",
        npy(header("'<f4'", "(50000, 50000)"), bytes(0, 0, 0, 0)),
        /10000000000 bytes, but has 4/,
      ],
      [
        "a product that overflows",
        npy(header("'<f4'", `(${"4294967296, ".repeat(8)})`), bytes()),
        /which is \d{70,} bytes/,
      ],
      ["65 dimensions", npy(header("'|u1'", `(${"1, ".repeat(65)})`), bytes(0)), /65 dimensions/],
    ];
    for (const [what, file, message] of malformed) {
      it(`refuses ${what}`, () => {
        const error = expectError("FILE_MALFORMED", message, () => decode(file));
        expect(error.details).to.have.property("path", "x.npy");
      });
    }

    for (const descr of ["'<c8'", "'|O'", "'<U5'", "'<M8[s]'", "'f4'", "'<f16'"]) {
      it(`refuses elements of type ${descr} and says what to save instead`, () => {
        expectError("FILE_UNSUPPORTED", /float32/, () => decode(npy(header(descr, "(1,)"), bytes(0))));
      });
    }

    it("refuses structures", () => {
      expectError("FILE_UNSUPPORTED", /structures/, () => decode(npy(header("[('a', '<f4')]", "(1,)"), bytes(0))));
    });

    it("refuses an array without elements", () => {
      expectError("FILE_UNSUPPORTED", /no elements/, () => decode(npy(header("'<f4'", "(0, 3)"), bytes())));
    });

    it("never throws anything but AssayError on damaged files", () => {
      const random = createRandom(11);
      const good = Uint8Array.from(encodeNpy(tensorFrom("f32", [1, 2, 3, 4]), [2, 2]));
      for (let i = 0; i < 2_000; i++) {
        const file = good.slice(0, random.chance(0.3) ? random.below(good.length) : good.length);
        for (let n = random.between(1, 4); n > 0 && file.length > 0; n--)
          file[random.below(file.length)] = random.below(256);
        try {
          expect(decode(file).tensor.data.byteLength).to.be.at.most(file.length);
        } catch (error) {
          expect(error).to.have.property("name", "AssayError");
        }
      }
    });
  });
});
