import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";

import { expect } from "chai";

import { decodeJson, encodeJson } from "../../../runner/files/json.ts";
import { encodeNpy } from "../../../runner/files/npy.ts";
import { readTensorFile } from "../../../runner/files/tensor-file.ts";
import { tensorBytes, tensorFrom } from "../../../runner/machine/tensor.ts";
import { messageType } from "../../../runner/onnx/file/decode.ts";
import { expectError, useFolder } from "./support.ts";

const place = { name: "image", element: "f32", shape: [1, 2] } as const;

const MAKE_PIPE = "mkfifo";

describe("tensor files", () => {
  const folder = useFolder();

  describe("readTensorFile", () => {
    it("reads .npy", () => {
      const path = folder.put("a.npy", encodeNpy(tensorFrom("f32", [1, 2]), [1, 2]));
      expect([...readTensorFile(path, place).data]).to.deep.equal([1, 2]);
    });

    it("reads .pb, raw and listed", () => {
      const type = messageType("TensorProto");
      const raw = { dims: [1, 2], data_type: 1, raw_data: tensorBytes(tensorFrom("f32", [1, 2])) };
      const listed = { dims: [1, 2], data_type: 1, float_data: [1, 2] };
      for (const message of [raw, listed]) {
        const path = folder.put("a.pb", type.encode(type.fromObject(message)).finish());
        expect([...readTensorFile(path, place).data]).to.deep.equal([1, 2]);
      }
    });

    it("reads .json", () => {
      expect([...readTensorFile(folder.put("a.json", "[[1, 2.5]]"), place).data]).to.deep.equal([1, 2.5]);
    });

    describe("when the file holds something else", () => {
      it("refuses f64 for f32 and says how to convert it", () => {
        const path = folder.put("a.npy", encodeNpy(tensorFrom("u64", [1n, 2n]), [1, 2], "f64"));
        const error = expectError("TENSOR_MISMATCH", /takes f32, .*a\.npy holds f64; save it as float32/, () =>
          readTensorFile(path, place),
        );
        expect(error.details).to.deep.equal({ name: "image", expected: "f32", actual: "f64" });
      });

      it("refuses another shape of as many elements", () => {
        const path = folder.put("a.npy", encodeNpy(tensorFrom("f32", [1, 2]), [2]));
        expectError("TENSOR_MISMATCH", /takes shape \[1, 2\], .* holds shape \[2\]/, () => readTensorFile(path, place));
      });

      it("refuses other names", () => {
        const path = folder.put("a.txt", "1 2");
        expectError("FILE_UNSUPPORTED", /\.npy, \.pb or \.json/, () => readTensorFile(path, place));
      });

      it("refuses a .pb that does not decode", () => {
        const path = folder.put("a.pb", Uint8Array.of(0x4a, 0xff, 0xff, 0xff, 0xff, 0x07, 0));
        expectError("FILE_MALFORMED", /a\.pb/, () => readTensorFile(path, place));
      });

      it("refuses a .pb that declares 10 GB in a few bytes", () => {
        const type = messageType("TensorProto");
        const message = { dims: [50_000, 50_000], data_type: 1, raw_data: Uint8Array.of(0, 0, 0, 0) };
        const path = folder.put("a.pb", type.encode(type.fromObject(message)).finish());
        expectError("FILE_MALFORMED", /10000000000 bytes/, () => readTensorFile(path, place));
      });
    });

    describe("when there is no file", () => {
      it("refuses a missing path", () => {
        expectError("FILE_UNREADABLE", /cannot be opened: ENOENT/, () =>
          readTensorFile(folder.path("none.npy"), place),
        );
      });

      it("refuses a folder", () => {
        mkdirSync(folder.path("folder.npy"));
        expectError("FILE_UNREADABLE", /regular file/, () => readTensorFile(folder.path("folder.npy"), place));
      });

      it("refuses a pipe without waiting for its writer", () => {
        execFileSync(MAKE_PIPE, [folder.path("pipe.npy")]);
        expectError("FILE_UNREADABLE", /regular file/, () => readTensorFile(folder.path("pipe.npy"), place));
      });
    });
  });

  describe("decodeJson", () => {
    const decode = (value: unknown, element: Parameters<typeof decodeJson>[2] = "f32") =>
      decodeJson("x.json", value, element);

    it("takes a number as a scalar", () => {
      expect(decode(3).shape).to.deep.equal([]);
    });

    it("rounds floats to f32 and takes NaN and infinities as strings", () => {
      expect([...decode([0.1, "NaN", "-Infinity", 1e300]).tensor.data]).to.deep.equal([
        Math.fround(0.1),
        NaN,
        -Infinity,
        Infinity,
      ]);
    });

    it("takes large integers as strings", () => {
      expect(decode(["18446744073709551615", 3], "u64").tensor.data[0]).to.equal(2n ** 64n - 1n);
    });

    it("gives back what encodeJson wrote", () => {
      for (const tensor of [
        tensorFrom("f32", [1.5, NaN, -0, Infinity]),
        tensorFrom("i64", [1, -(2n ** 63n), 2, 3]),
        tensorFrom("bool", [1, 0, 0, 1]),
      ]) {
        const value: unknown = JSON.parse(JSON.stringify(encodeJson(tensor, [2, 2])));
        const back = decodeJson("x.json", value, tensor.dtype);
        expect(back.shape).to.deep.equal([2, 2]);
        expect([...back.tensor.data].map(String)).to.deep.equal([...tensor.data].map(String));
      }
    });

    const refused: readonly (readonly [string, unknown, Parameters<typeof decodeJson>[2], RegExp])[] = [
      ["ragged arrays", [[1, 2], [3]], "f32", /ragged: value\[1\] has 1 entries where its first sibling has 2/],
      ["a number among arrays", [[1], 2], "f32", /ragged: value\[1\] has not an array/],
      ["arrays among numbers", [1, [2]], "f32", /\[2\] at value\[1\]/],
      ["strings", ["1"], "f32", /"1" at value\[0\]/],
      ["null", [null], "f32", /null/],
      ["an object", { a: 1 }, "f32", /at value/],
      ["fractions for integers", [1.5], "i32", /not an integer/],
      ["integers beyond 2^53 as numbers", [2 ** 60], "i64", /as strings/],
      ["integers out of range", [128], "i8", /range of i8/],
      ["negative unsigned integers", [-1], "u8", /range of u8/],
      ["2 as a bool", [2], "bool", /true, false/],
      ["65 levels", JSON.parse("[".repeat(65) + "1" + "]".repeat(65)), "f32", /deeper than 64/],
    ];
    for (const [what, value, element, message] of refused) {
      it(`refuses ${what}`, () => expectError("FILE_MALFORMED", message, () => decode(value, element)));
    }

    it("refuses empty arrays", () => {
      expectError("FILE_UNSUPPORTED", /empty/, () => decode([[]]));
    });

    it("refuses element types that JSON cannot give", () => {
      expectError("FILE_UNSUPPORTED", /f16/, () => decode([1], "f16"));
    });
  });
});
