import { expect } from "chai";
import { keccak256, toUtf8Bytes, zeroPadBytes } from "ethers";
import { network } from "hardhat";

import {
  authorityChain,
  authorityList,
  EXPIRES_AT,
  ISSUED_AT,
  qeIdentity,
  rootCertificate,
  tcbInfo,
  tcbSigningChain,
} from "../../../testing/enclave/collateral.ts";
import {
  bits,
  element,
  identifier,
  integer,
  join,
  octets,
  sequence,
  time,
  TRUE,
} from "../../../testing/enclave/der.ts";
import { nameOf, pemOf } from "../../../testing/enclave/pki.ts";
import { chainId, fieldsOf } from "../support/enclave.ts";

const { ethers, networkHelpers } = await network.create();

describe("CollateralReader", () => {
  const deploy = async () => ethers.deployContract("CollateralReader");
  let reader: Awaited<ReturnType<typeof deploy>>;
  beforeEach(async () => {
    reader = await networkHelpers.loadFixture(deploy);
  });

  describe("readTcbInfo", () => {
    const read = (value: string | object) =>
      reader.readTcbInfo(toUtf8Bytes(typeof value === "string" ? value : JSON.stringify(value)));
    const refuses = async (value: string | object, error: string, args: readonly unknown[]) =>
      expect(read(value))
        .to.be.revertedWithCustomError(reader, error)
        .withArgs(...args);
    const text = JSON.stringify(tcbInfo("TDX"));
    /** The text with its first `from` replaced: JsonMalformed there, `shift` later. */
    const malformed = async (from: string, to: string, shift = 0) =>
      refuses(text.replace(from, to), "JsonMalformed", [text.indexOf(from) + shift]);
    const level = (changes: object) => {
      const [first] = tcbInfo("SGX").tcbLevels as Record<string, unknown>[];
      return tcbInfo("SGX", { tcbLevels: [{ ...first, ...changes }] });
    };

    it("reads fields in any order, and walks over what it does not know", async () => {
      const entries = Object.entries(tcbInfo("TDX")).reverse();
      const more = { unknown: [{ a: [], b: {} }, true, false, null, 7, "x"], ...Object.fromEntries(entries), last: {} };
      const info = await read(more);
      expect(fieldsOf(info)).to.deep.equal(fieldsOf(await read(tcbInfo("TDX"))));
      expect(fieldsOf(info.validity)).to.deep.equal({
        issuedAt: BigInt(ISSUED_AT),
        expiresAt: BigInt(EXPIRES_AT),
        evaluation: 17n,
      });
      expect(info.modules[1]?.signerHash).to.equal(keccak256("0x" + "00".repeat(48)));
    });
    it("reads every status", async () => {
      for (const [status, code] of [
        ["UpToDate", 0n],
        ["SWHardeningNeeded", 1n],
        ["ConfigurationNeeded", 2n],
        ["ConfigurationAndSWHardeningNeeded", 3n],
        ["OutOfDate", 4n],
        ["OutOfDateConfigurationNeeded", 5n],
        ["Revoked", 6n],
      ] as const) {
        expect((await read(level({ tcbStatus: status }))).levels[0]?.status).to.equal(code);
      }
    });
    it("refuses another status", async () => {
      const value = level({ tcbStatus: "Fine" });
      await refuses(value, "CollateralStatusUnknown", [JSON.stringify(value).indexOf('"Fine"')]);
    });
    it("reads an empty list of advisories", async () => {
      expect((await read(level({ advisoryIDs: [] }))).levels[0]?.advisories).to.equal(0);
    });
    it("refuses another kind and another version", async () => {
      await refuses(tcbInfo("SGX", { id: "XYZ" }), "CollateralFormatUnknown", [
        zeroPadBytes(toUtf8Bytes("XYZ"), 32),
        3,
      ]);
      await refuses(tcbInfo("SGX", { version: 2 }), "CollateralFormatUnknown", [
        zeroPadBytes(toUtf8Bytes("SGX"), 32),
        2,
      ]);
    });
    it("refuses every field that counts when it is missing, or is there twice", async () => {
      const levels = (tcbInfo("TDX").tcbLevels as unknown[]).slice(0, 1);
      const short = (changes: object = {}) => JSON.stringify(tcbInfo("TDX", { tcbLevels: levels, ...changes }));
      for (const field of Object.keys(tcbInfo("TDX"))) {
        const without = short({ [field]: undefined });
        if (field === "tdxModuleIdentities") await read(without);
        else if (field === "id" || field === "version")
          await expect(read(without)).to.be.revertedWithCustomError(reader, "CollateralFormatUnknown");
        else await refuses(without, "CollateralFieldsIncomplete", [without.length]);
        const value = JSON.stringify((JSON.parse(short()) as Record<string, unknown>)[field]);
        await refuses(short().replace("{", `{"${field}":${value},`), "CollateralFieldsIncomplete", [0]);
      }
    });
    it("refuses TDX modules for SGX", async () => {
      const value = { ...tcbInfo("TDX"), id: "SGX" };
      await refuses(value, "CollateralFieldsIncomplete", [JSON.stringify(value).length]);
    });
    it("refuses incomplete levels, components and modules", async () => {
      const at = (value: object, part: string) => [JSON.stringify(value).indexOf(part)];
      let value = level({ tcbStatus: undefined });
      await refuses(value, "CollateralFieldsIncomplete", at(value, '{"tcb"'));
      value = level({ tcb: { pcesvn: 1 } });
      await refuses(value, "CollateralFieldsIncomplete", at(value, '{"pcesvn"'));
      value = level({ tcb: { sgxtcbcomponents: [{ category: "x" }], pcesvn: 1 } });
      await refuses(value, "CollateralFieldsIncomplete", at(value, '{"category"'));
      value = tcbInfo("TDX", { tdxModule: { attributes: "0000000000000000" } });
      await refuses(value, "CollateralFieldsIncomplete", at(value, '{"attributes"'));
    });
    it("refuses more advisories, levels and modules than there may be", async () => {
      const numbers = Array.from({ length: 65 }, (_, i) => `INTEL-SA-${String(i).padStart(5, "0")}`);
      await read(level({ advisoryIDs: numbers.slice(1) }));
      let value: object = level({ advisoryIDs: numbers });
      await refuses(value, "CollateralTooLarge", [JSON.stringify(value).indexOf('"INTEL-SA-00064')]);
      const [first] = tcbInfo("SGX").tcbLevels as object[];
      value = tcbInfo("SGX", { tcbLevels: Array(65).fill(first) });
      await expect(read(value)).to.be.revertedWithCustomError(reader, "CollateralTooLarge");
      const [module] = tcbInfo("TDX").tdxModuleIdentities as object[];
      value = tcbInfo("TDX", { tdxModuleIdentities: Array(17).fill(module) });
      await expect(read(value)).to.be.revertedWithCustomError(reader, "CollateralTooLarge");
    });
    it("refuses what is not JSON, with where", async () => {
      await refuses("", "JsonMalformed", [0]);
      await refuses("[]", "JsonMalformed", [0]);
      await refuses("{}", "JsonMalformed", [1]);
      await refuses('{"id', "JsonMalformed", [4]);
      await refuses(`${text} `, "JsonMalformed", [text.length]);
      await refuses(text.slice(0, -1), "JsonMalformed", [text.length - 1]);
      await malformed('"id"', ' "id"');
      await malformed('"version":', '"version" :', 9);
      await malformed('"version":3', '"version":03', 10);
      await malformed('"version":3', '"version":-3', 10);
      await malformed('"version":3', '"version":12345678901', 10);
      await malformed('"version":3', '"version":', 10);
      await malformed('"version":3', '"version":3.0', 11);
      await malformed('"tcbType":0', '"tcbType":1', 10);
      await malformed('"id":"TDX"', '"id":"T\\u0044X"', 7);
      await malformed('"id":"TDX"', '"id":"T\u0001X"', 7);
      await malformed('"id":"TDX"', `"id":"${"T".repeat(32)}"`, 5);
      await malformed('"fmspc":"B0C06F000000"', '"fmspc":"B0C06F00000G"', 20);
      await malformed('"fmspc":"B0C06F000000"', '"fmspc":"B0C06F00"', 21);
    });
    it("reads both cases of hexadecimal digits", async () => {
      expect((await read(tcbInfo("SGX", { fmspc: "b0c06f00000A" }))).fmspc).to.equal("0xb0c06f00000a");
    });
    it("refuses values that it walks over when they are not JSON", async () => {
      for (const [value, shift] of [
        ["tru", 5],
        ["nul", 5],
        ["fals", 5],
        ["x", 5],
        ["[1,]", 8],
        ["[1", 7],
        ['{"a"}', 9],
        ["{", 6],
        ["[".repeat(17), 21],
      ] as const) {
        await refuses(`{"x":${value}`, "JsonMalformed", [shift]);
      }
    });
    it("refuses dates that are none", async () => {
      for (const date of [
        "2025-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2025-13-01T00:00:00Z",
        "2025-00-01T00:00:00Z",
        "2025-04-31T00:00:00Z",
        "2025-01-00T00:00:00Z",
        "2025-01-01T24:00:00Z",
        "2025-01-01T00:60:00Z",
        "2025-01-01T00:00:60Z",
        "1969-01-01T00:00:00Z",
        "2025-01-01 00:00:00Z",
        "2025-01-01T00:00:0xZ",
        "2025-01-01",
      ]) {
        const value = tcbInfo("SGX", { issueDate: date });
        // A digit that is none is told by its place.
        const shift = date.endsWith("xZ") ? 18 : 0;
        await refuses(value, "JsonMalformed", [JSON.stringify(value).indexOf(`"${date}"`) + shift]);
      }
    });
    it("reads leap days and the days after them", async () => {
      for (const date of [
        "2024-02-29T23:59:59Z",
        "2000-02-29T00:00:00Z",
        "2024-03-01T00:00:00Z",
        "2099-12-31T12:30:15Z",
        "1970-01-01T00:00:00Z",
      ]) {
        const info = await read(tcbInfo("SGX", { issueDate: date }));
        expect(Number(info.validity.issuedAt) * 1000).to.equal(Date.parse(date));
      }
    });
    it("refuses names of modules and advisories of another form", async () => {
      await malformed('"TDX_01"', '"TDX_00"');
      await malformed('"TDX_01"', '"TDX_0g"');
      await malformed('"TDX_01"', '"TDX_001"');
      await malformed('"TDX_01"', '"SGX_01"');
      await malformed('"INTEL-SA-00615"', '"INTEL-SA-0061x"');
      await malformed('"INTEL-SA-00615"', '"INTEL-SA-99999"');
      await malformed('"INTEL-SA-00615"', '"INTEL-DC-00615"');
      await malformed('"INTEL-SA-00615"', '"INTEL-SA-615"');
      await malformed('{"isvsvn":4}', '{"isvsvx":4}', 10);
    });
    it("reads a module's number in hexadecimal", async () => {
      const [module] = tcbInfo("TDX").tdxModuleIdentities as object[];
      const info = await read(tcbInfo("TDX", { tdxModuleIdentities: [{ ...module, id: "TDX_1a", more: 1 }] }));
      expect(info.modules[1]?.version).to.equal(0x1a);
    });
  });

  describe("readQeIdentity", () => {
    const read = (value: object) => reader.readQeIdentity(toUtf8Bytes(JSON.stringify(value)));
    it("reads every field", async () => {
      const identity = await read(qeIdentity("TDX", { miscselect: "01020304", more: {} }));
      expect(identity.miscSelect).to.equal("0x01020304");
      expect(identity.miscSelectMask).to.equal("0xffffffff");
      expect(identity.attributes).to.equal("0x11000000000000000000000000000000");
      expect(identity.attributesMask).to.equal("0xfbffffffffffffff0000000000000000");
      expect([identity.tee, identity.productId, identity.levels.length]).to.deep.equal([1n, 2n, 3]);
      expect([...identity.advisories]).to.deep.equal([615n]);
    });
    it("refuses another kind and version", async () => {
      for (const [changes, kind, version] of [
        [{ id: "QVE" }, "QVE", 2],
        [{ version: 3 }, "QE", 3],
      ] as const) {
        await expect(read(qeIdentity("SGX", changes)))
          .to.be.revertedWithCustomError(reader, "CollateralFormatUnknown")
          .withArgs(zeroPadBytes(toUtf8Bytes(kind), 32), version);
      }
    });
    it("refuses every field that counts when it is missing", async () => {
      for (const field of Object.keys(qeIdentity("SGX"))) {
        if (field === "id" || field === "version") continue;
        const value = qeIdentity("SGX", { [field]: undefined });
        await expect(read(value))
          .to.be.revertedWithCustomError(reader, "CollateralFieldsIncomplete")
          .withArgs(JSON.stringify(value).length);
      }
    });
    it("refuses bytes behind it", async () => {
      const json = JSON.stringify(qeIdentity("SGX"));
      await expect(reader.readQeIdentity(toUtf8Bytes(`${json}x`)))
        .to.be.revertedWithCustomError(reader, "JsonMalformed")
        .withArgs(json.length);
    });
  });

  describe("readChain", () => {
    const read = (text: string) => reader.readChain(toUtf8Bytes(text));
    const refuses = async (text: string, offset: number) =>
      expect(read(text)).to.be.revertedWithCustomError(reader, "PemMalformed").withArgs(offset);
    it("reads both certificates and identifies the text", async () => {
      const text = tcbSigningChain();
      const [certificate, root, chain] = await read(text);
      expect([certificate.serial, certificate.isCa, certificate.keyUsage]).to.deep.equal([0x1234n, false, 0xc0n]);
      expect([root.serial, root.isCa, root.keyUsage]).to.deep.equal([1n, true, 0x06n]);
      expect([certificate.issuer, root.subject]).to.deep.equal([root.issuer, keccak256(nameOf("Intel SGX Root CA"))]);
      expect(chain).to.equal(chainId(text));
    });
    it("reads certificates of every length of their last line", async () => {
      for (let size = 0; size < 48; size++) {
        const extension = sequence(identifier("1.2.3"), octets(new Uint8Array(size)));
        const [certificate] = await read(authorityChain("Platform", { extensions: [extension] }));
        expect(certificate.serial).to.equal(0x9a01);
      }
    });
    it("refuses what is not strict PEM, with where", async () => {
      const text = authorityChain("Platform");
      const end = text.indexOf("\n-----END");
      await refuses("", 0);
      await refuses(text.replace("BEGIN", "BEGUN"), 0);
      await refuses(text.replace("\n", "\r\n"), 0);
      await refuses(text.slice(0, 60), 28);
      await refuses(text.replace("\n-----END CERTIFICATE", "\n-----END CERTIFICATF"), end);
      await refuses(text.slice(0, end + 26), end + 26);
      await refuses(text.slice(0, end + 26) + " " + text.slice(end + 27), end + 26);
      await refuses(`${text}\n`, text.length - 1);
      await refuses(`${text.slice(0, -1)} `, text.length - 1);
      await refuses(text.slice(0, 40) + "=" + text.slice(41), 28);
    });
    it("refuses bits behind the last byte", async () => {
      const [first = ""] = ["", "A", "AA", "AAA"]
        .map((pad) =>
          authorityChain("Platform", { extensions: [sequence(identifier("1.2.3"), octets(Buffer.from(pad)))] }),
        )
        .filter((text) => /[^=]==\n/.test(text));
      const at = first.indexOf("==\n");
      const last = first[at - 1] ?? "";
      const next = String.fromCharCode(last.charCodeAt(0) + 1);
      await refuses(first.slice(0, at - 1) + next + first.slice(at), at + 1);
    });
  });

  describe("readChain, given DER that is malformed", () => {
    const certificate = (body: Uint8Array, rest?: Uint8Array) =>
      sequence(body, ...(rest === undefined ? [ECDSA, SIGNATURE] : [rest]));
    const ECDSA = sequence(identifier("1.2.840.10045.4.3.2"));
    const SIGNATURE = bits(sequence(integer(1n), integer(2n)));
    const KEY = sequence(
      sequence(identifier("1.2.840.10045.2.1"), identifier("1.2.840.10045.3.1.7")),
      bits(Uint8Array.from([4, ...new Uint8Array(64)])),
    );
    const VALIDITY = sequence(time(0), time(1));
    const NAME = nameOf("x");
    const parts = {
      version: element(0xa0, integer(2n)),
      serial: integer(1n),
      algorithm: ECDSA,
      issuer: NAME,
      validity: VALIDITY,
      subject: NAME,
      key: KEY,
      extensions: element(0xa3, sequence()),
    };
    const made = (changes: Partial<typeof parts> = {}) =>
      certificate(sequence(...Object.values({ ...parts, ...changes })));
    const read = (der: Uint8Array) => reader.readChain(toUtf8Bytes(pemOf(der) + pemOf(rootCertificate())));
    const refuses = async (der: Uint8Array) => expect(read(der)).to.be.revertedWithCustomError(reader, "DerMalformed");
    const extensions = (...list: Uint8Array[]) => made({ extensions: element(0xa3, sequence(...list)) });
    const extension = (oid: string, value: Uint8Array, ...critical: Uint8Array[]) =>
      sequence(identifier(oid), ...critical, octets(value));
    const KEY_USAGE = "2.5.29.15";
    const CONSTRAINTS = "2.5.29.19";

    it("reads the usual", async () => {
      const [read_] = await read(made());
      expect([read_.notBefore, read_.notAfter, read_.sgxStart]).to.deep.equal([0n, 1n, 0n]);
    });
    for (const field of Object.keys(parts) as (keyof typeof parts)[]) {
      it(`refuses another element in the place of ${field}`, async () => {
        await refuses(made({ [field]: element(0x05) }));
        await refuses(made({ [field]: new Uint8Array() }));
      });
    }
    it("refuses bytes behind any part", async () => {
      const extra = element(0x05);
      await refuses(join([made(), extra]));
      await refuses(sequence(...[sequence(...Object.values(parts)), ECDSA, SIGNATURE, extra]));
      await refuses(made({ extensions: join([parts.extensions, extra]) }));
      await refuses(made({ validity: sequence(time(0), time(1), extra) }));
      await refuses(made({ extensions: element(0xa3, sequence(), extra) }));
    });
    it("refuses lengths that are not the shortest, too long, or leave what surrounds them", async () => {
      await refuses(made({ serial: Uint8Array.of(0x02, 0x81, 0x01, 0x01) }));
      await refuses(made({ serial: Uint8Array.of(0x02, 0x82, 0x00, 0x81, ...new Uint8Array(129)) }));
      await refuses(made({ serial: Uint8Array.of(0x02, 0x80, 0x01) }));
      await refuses(made({ serial: Uint8Array.of(0x02, 0x84, 0, 0, 0, 1, 1) }));
      await refuses(made({ extensions: Uint8Array.of(0xa3, 0x7f) }));
      await refuses(made({ extensions: Uint8Array.of(0xa3) }));
      await refuses(made({ serial: Uint8Array.of(0x1f, 0x01, 0x01) }));
    });
    it("refuses integers that are negative, padded, empty or too long", async () => {
      for (const content of [[0x80], [0, 1], [], [1, ...new Uint8Array(32)], Array<number>(34).fill(1)]) {
        await refuses(made({ serial: element(0x02, Uint8Array.from(content)) }));
      }
    });
    it("reads integers of 32 bytes", async () => {
      const [read_] = await read(made({ serial: integer(2n ** 256n - 1n) }));
      expect(read_.serial).to.equal(2n ** 256n - 1n);
    });
    it("reads both forms of times", async () => {
      const late = 2_600_000_000;
      const [read_] = await read(made({ validity: sequence(time(315_532_800), time(late)) }));
      expect([read_.notBefore, read_.notAfter]).to.deep.equal([315_532_800n, BigInt(late)]);
    });
    it("refuses other forms of times, and dates that are none", async () => {
      const text = (tag: number, value: string) =>
        made({ validity: sequence(element(tag, Buffer.from(value)), time(1)) });
      for (const value of ["2506231200Z", "250623120000+", "251323120000Z", "25062312000xZ", "490101000000z"]) {
        await refuses(text(0x17, value));
      }
      await refuses(text(0x18, "20250623120000"));
      await refuses(text(0x18, "250623120000Z"));
      await refuses(text(0x16, "250623120000Z"));
    });
    it("refuses another key than on P-256", async () => {
      await refuses(
        made({
          key: sequence(
            sequence(identifier("1.2.840.10045.2.1"), identifier("1.3.132.0.34")),
            bits(new Uint8Array(98)),
          ),
        }),
      );
      await refuses(made({ key: sequence(KEY, KEY) }));
    });
    it("refuses signatures of another form", async () => {
      const body = sequence(...Object.values(parts));
      for (const signature of [
        bits(sequence(integer(1n), integer(2n)), 1),
        bits(sequence(integer(1n))),
        bits(sequence(integer(1n), integer(2n), integer(3n))),
        bits(join([sequence(integer(1n), integer(2n)), element(0x05)])),
        element(0x03),
        octets(sequence(integer(1n), integer(2n))),
      ]) {
        await refuses(sequence(body, ECDSA, signature));
      }
      await refuses(sequence(body, sequence(identifier("1.2.840.10045.4.3.3")), SIGNATURE));
    });
    it("reads constraints, key usage and extensions that are not critical", async () => {
      const [read_] = await read(
        extensions(
          extension(CONSTRAINTS, sequence(TRUE, integer(0n)), TRUE),
          extension(KEY_USAGE, bits(Uint8Array.of(0x06), 1), TRUE),
          extension("1.2.3", new Uint8Array(5)),
          extension(`1.2.${Array(40).fill(3).join(".")}`, new Uint8Array(5)),
        ),
      );
      expect([read_.isCa, read_.keyUsage]).to.deep.equal([true, 6n]);
    });
    it("refuses critical extensions that it does not know, and any twice", async () => {
      await refuses(extensions(extension("1.2.3", new Uint8Array(5), TRUE)));
      for (const [oid, value] of [
        [CONSTRAINTS, sequence()],
        [KEY_USAGE, bits(Uint8Array.of(0x80), 7)],
        ["1.2.840.113741.1.13.1", sequence()],
      ] as const) {
        await refuses(extensions(extension(oid, value), extension(oid, value)));
      }
    });
    it("refuses extensions of another form", async () => {
      const FALSE = element(0x01, Uint8Array.of(0));
      await refuses(extensions(extension("1.2.3", new Uint8Array(5), FALSE)));
      await refuses(extensions(sequence(identifier("1.2.3"), octets(), octets())));
      await refuses(extensions(sequence(identifier("1.2.3"), bits(Uint8Array.of(1)))));
      for (const value of [
        join([sequence(), sequence()]),
        sequence(FALSE),
        sequence(TRUE, TRUE),
        sequence(TRUE, integer(0n), integer(0n)),
      ]) {
        await refuses(extensions(extension(CONSTRAINTS, value)));
      }
      for (const value of [
        bits(Uint8Array.of(0)),
        bits(Uint8Array.of(0x81), 1),
        bits(Uint8Array.of(0x80), 6),
        bits(Uint8Array.of(0x80), 8),
        bits(Uint8Array.of(0x06, 0x80), 7),
        join([bits(Uint8Array.of(0x80), 7), element(0x05)]),
      ]) {
        await refuses(extensions(extension(KEY_USAGE, value)));
      }
    });
  });

  describe("readRevocationList", () => {
    it("reads issuer, dates and serial numbers", async () => {
      const list = await reader.readRevocationList(authorityList("Platform", [5n, 2n ** 159n]));
      expect(list.issuer).to.equal(keccak256(nameOf("Intel SGX PCK Platform CA")));
      expect([list.issuedAt, list.expiresAt]).to.deep.equal([BigInt(ISSUED_AT), BigInt(EXPIRES_AT)]);
      expect([...list.serials]).to.deep.equal([5n, 2n ** 159n]);
      expect((await reader.readRevocationList(authorityList("Platform"))).serials.length).to.equal(0);
    });
    it("refuses what ends early, wherever, and bytes behind", async () => {
      const der = authorityList("Platform", [5n]);
      for (let length = 0; length < der.length; length += 13) {
        await expect(reader.readRevocationList(der.slice(0, length))).to.be.revertedWithCustomError(
          reader,
          "DerMalformed",
        );
      }
      await expect(reader.readRevocationList(join([der, Uint8Array.of(0)])))
        .to.be.revertedWithCustomError(reader, "DerMalformed")
        .withArgs(der.length);
    });
  });
});
