// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";

import {Certificate, P256Key, RevocationList, Seal} from "../types/Enclave.sol";
import {Der} from "./Der.sol";
import {P256Signature} from "./P256Signature.sol";

/// @title X509
/// @notice Reads the certificates and revocation lists of Intel's provisioning certification service (RFC 5280, Intel SGX
/// PCK Certificate and Certificate Revocation List Profile).
/// @dev Strict: keys on P-256, signatures by ECDSA with SHA-256, no unique identifiers, no critical extension that is not
/// understood, none twice. Nothing here verifies a signature: see `isSignedBy`.
library X509 {
    using Memory for Memory.Slice;

    /// @dev `SEQUENCE { OBJECT IDENTIFIER ecdsa-with-SHA256 }`, without its tag and length.
    bytes32 private constant ECDSA_WITH_SHA256 = hex"06082a8648ce3d040302";
    /// @dev An uncompressed P-256 key up to its first coordinate, with its tag and length.
    bytes27 private constant P256_KEY = hex"3059301306072a8648ce3d020106082a8648ce3d03010703420004";
    /// @dev 2.5.29.x: extensions of X.509.
    bytes32 private constant BASIC_CONSTRAINTS = hex"551d13";
    bytes32 private constant KEY_USAGE = hex"551d0f";
    /// @dev 1.2.840.113741.1.13.1: Intel's extension.
    bytes32 private constant SGX = hex"2a864886f84d010d01";

    /// @notice Reads a certificate that is all of `der`.
    function readCertificate(Memory.Slice der) internal pure returns (Certificate memory certificate) {
        (uint256 offset, uint256 end) = _readSeal(der, certificate.seal);
        // [0] { INTEGER 2 }: version 3.
        offset = Der.expectContent(der, offset, end, 0xa0, hex"020102", 3);
        (certificate.serial, offset) = Der.readUint(der, offset, end);
        offset = Der.expectContent(der, offset, end, Der.SEQUENCE, ECDSA_WITH_SHA256, 10);
        (certificate.issuer, offset) = _readName(der, offset, end);
        {
            (uint256 start, uint256 next) = Der.expect(der, offset, end, Der.SEQUENCE);
            (certificate.notBefore, start) = Der.readTime(der, start, next);
            (certificate.notAfter, start) = Der.readTime(der, start, next);
            require(start == next, Der.DerMalformed(start));
            offset = next;
        }
        (certificate.subject, offset) = _readName(der, offset, end);
        require(offset + 91 <= end && Der.prefix(der, offset, 27) == P256_KEY, Der.DerMalformed(offset));
        certificate.key = P256Key(der.load(offset + 27), der.load(offset + 59));
        offset += 91;
        (uint256 extensions, uint256 last) = Der.expect(der, offset, end, 0xa3);
        require(last == end, Der.DerMalformed(offset));
        _readExtensions(der, extensions, end, certificate);
    }

    /// @notice Reads a revocation list that is all of `der`.
    function readRevocationList(Memory.Slice der) internal pure returns (RevocationList memory list) {
        (uint256 offset, uint256 end) = _readSeal(der, list.seal);
        // Version 2.
        offset = Der.expectContent(der, offset, end, Der.INTEGER, hex"01", 1);
        offset = Der.expectContent(der, offset, end, Der.SEQUENCE, ECDSA_WITH_SHA256, 10);
        (list.issuer, offset) = _readName(der, offset, end);
        (list.issuedAt, offset) = Der.readTime(der, offset, end);
        (list.expiresAt, offset) = Der.readTime(der, offset, end);
        (uint256 tag, uint256 start, uint256 next) = Der.read(der, offset, end);
        Certificate memory none;
        if (tag == Der.SEQUENCE) {
            list.serials = _readRevoked(der, start, next, none);
            offset = next;
        }
        (start, next) = Der.expect(der, offset, end, 0xa0);
        require(next == end, Der.DerMalformed(offset));
        _readExtensions(der, start, end, none);
    }

    /// @notice Whether the holder of the key signed.
    function isSignedBy(Seal memory seal, P256Key memory key) internal view returns (bool) {
        return P256Signature.isValid(seal.hash, seal.r, seal.s, key);
    }

    /// @dev `SEQUENCE { signed SEQUENCE, algorithm, signature BIT STRING }`: the content of `signed`.
    function _readSeal(Memory.Slice der, Seal memory seal) private pure returns (uint256 start, uint256 end) {
        uint256 length = der.length();
        (uint256 signed, uint256 offset) = Der.expect(der, 0, length, Der.SEQUENCE);
        require(offset == length, Der.DerMalformed(offset));
        (start, end) = Der.expect(der, signed, length, Der.SEQUENCE);
        seal.hash = sha256(der.slice(signed, end - signed).toBytes());
        offset = Der.expectContent(der, end, length, Der.SEQUENCE, ECDSA_WITH_SHA256, 10);
        (signed, offset) = Der.readBits(der, offset, length);
        require(offset == length, Der.DerMalformed(offset));
        (seal.r, seal.s) = P256Signature.readDer(der, signed, length);
    }

    /// @dev keccak256 of a name with its tag and length: names are compared byte for byte.
    function _readName(
        Memory.Slice der,
        uint256 offset,
        uint256 end
    ) private pure returns (bytes32 hash, uint256 next) {
        (, next) = Der.expect(der, offset, end, Der.SEQUENCE);
        hash = keccak256(der.slice(offset, next - offset).toBytes());
    }

    /// @dev `SEQUENCE OF SEQUENCE { serial, date, extensions OPTIONAL }`; counts first, then reads.
    function _readRevoked(
        Memory.Slice der,
        uint256 start,
        uint256 end,
        Certificate memory none
    ) private pure returns (uint256[] memory serials) {
        uint256 count;
        for (uint256 offset = start; offset < end; ++count) (, offset) = Der.expect(der, offset, end, Der.SEQUENCE);
        serials = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            (uint256 offset, uint256 next) = Der.expect(der, start, end, Der.SEQUENCE);
            (serials[i], offset) = Der.readUint(der, offset, next);
            (, offset) = Der.readTime(der, offset, next);
            if (offset != next) _readExtensions(der, offset, next, none);
            start = next;
        }
    }

    /// @dev `SEQUENCE OF SEQUENCE { identifier, critical BOOLEAN DEFAULT FALSE, value OCTET STRING }`.
    function _readExtensions(
        Memory.Slice der,
        uint256 offset,
        uint256 end,
        Certificate memory certificate
    ) private pure {
        (uint256 item, uint256 last) = Der.expect(der, offset, end, Der.SEQUENCE);
        require(last == end, Der.DerMalformed(offset));
        bool hasConstraints;
        while (item < end) {
            (uint256 start, uint256 next) = Der.expect(der, item, end, Der.SEQUENCE);
            (uint256 name, uint256 value) = Der.expect(der, start, next, Der.OBJECT_IDENTIFIER);
            bytes32 identifier = value - name > 32 ? bytes32(0) : Der.prefix(der, name, value - name);
            (uint256 tag, uint256 content, uint256 after_) = Der.read(der, value, next);
            bool critical = tag == Der.BOOLEAN;
            if (critical) {
                // A default is not written: only TRUE stands there.
                require(after_ - content == 1 && Der.prefix(der, content, 1) == hex"ff", Der.DerMalformed(value));
                (tag, content, after_) = Der.read(der, after_, next);
            }
            require(tag == Der.OCTET_STRING && after_ == next, Der.DerMalformed(value));
            if (identifier == BASIC_CONSTRAINTS) {
                require(!hasConstraints, Der.DerMalformed(item));
                hasConstraints = true;
                certificate.isCa = _readConstraints(der, content, next);
            } else if (identifier == KEY_USAGE) {
                require(certificate.keyUsage == 0, Der.DerMalformed(item));
                certificate.keyUsage = _readKeyUsage(der, content, next);
            } else if (identifier == SGX) {
                require(certificate.sgxStart == 0, Der.DerMalformed(item));
                (certificate.sgxStart, certificate.sgxEnd) = (content, next);
            } else {
                require(!critical, Der.DerMalformed(item));
            }
            item = next;
        }
    }

    /// @dev `SEQUENCE { ca BOOLEAN DEFAULT FALSE, pathLength INTEGER OPTIONAL }`.
    function _readConstraints(Memory.Slice der, uint256 offset, uint256 end) private pure returns (bool isCa) {
        (uint256 start, uint256 next) = Der.expect(der, offset, end, Der.SEQUENCE);
        require(next == end, Der.DerMalformed(offset));
        if (start == end) return false;
        start = Der.expectContent(der, start, end, Der.BOOLEAN, hex"ff", 1);
        if (start != end) (, start) = Der.readUint(der, start, end);
        require(start == end, Der.DerMalformed(offset));
        return true;
    }

    /// @dev `BIT STRING`: number of unused bits, then one byte; Intel's certificates use no bit behind it.
    function _readKeyUsage(Memory.Slice der, uint256 offset, uint256 end) private pure returns (uint8 usage) {
        (uint256 start, uint256 next) = Der.expect(der, offset, end, Der.BIT_STRING);
        require(next == end && next - start == 2, Der.DerMalformed(offset));
        uint256 unused = uint256(Der.prefix(der, start, 1)) >> 248;
        uint256 bits = uint256(Der.prefix(der, start + 1, 1)) >> 248;
        // The lowest bit that is used is set: a DER rule for named bits.
        require(unused < 8 && (bits >> unused) & 1 == 1 && bits & ((1 << unused) - 1) == 0, Der.DerMalformed(offset));
        usage = uint8(bits);
    }
}
