// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";

import {ICollateralRegistry} from "../interfaces/ICollateralRegistry.sol";
import {IQuoteVerifier} from "../interfaces/IQuoteVerifier.sol";
import {
    Certificate,
    Issuer,
    IssuerKind,
    P256Key,
    PlatformTcb,
    QeIdentity,
    QuoteReport,
    TcbInfo,
    TcbStatus,
    Tee
} from "../types/Enclave.sol";
import {IntelNames} from "./IntelNames.sol";
import {P256Signature} from "./P256Signature.sol";
import {PckExtension} from "./PckExtension.sol";
import {Pem} from "./Pem.sol";
import {QuoteLayout} from "./QuoteLayout.sol";
import {TcbJudgement} from "./TcbJudgement.sol";
import {X509} from "./X509.sol";

/// @title QuoteVerifier
/// @notice See IQuoteVerifier.
/// @dev Only the PCK certificate is read here: the CA and the root behind it in the quote are a chain that the registry
/// knows by the hash of its text.
contract QuoteVerifier is IQuoteVerifier {
    /// @dev Key usage: signatures.
    uint8 private constant SIGNS_DATA = 0x80;
    /// @dev DEBUG is bit 1 of the first byte of ATTRIBUTES.
    uint128 private constant DEBUG = 0x02 << 120;
    /// @dev Of the attributes of a TD: byte 3 bit 4 is SEPT_VE_DISABLE, bits 6 and 7 PKS and KL, byte 7 bit 7 PERFMON.
    bytes8 private constant SEPT_VE_DISABLE = 0x0000001000000000;
    bytes8 private constant TD_RESERVED = 0x00ffff2fffffff7f;

    /// @notice Where the collateral is.
    ICollateralRegistry public immutable COLLATERAL;

    constructor(ICollateralRegistry collateral) {
        COLLATERAL = collateral;
    }

    /// @inheritdoc IQuoteVerifier
    function verify(bytes calldata quote) external view returns (QuoteReport memory report) {
        QuoteLayout.Layout memory parts = QuoteLayout.read(quote);
        report.tee = parts.tee;
        PckExtension.Platform memory platform = _verifyQe(quote, parts, report);
        _verifySignature(quote, parts);
        report.fmspc = platform.fmspc;
        (TcbStatus qeStatus, uint16[] memory qeAdvisories) = _judgeQe(quote[parts.qeReport:], report);
        bytes calldata body = quote[parts.body:parts.signedEnd];
        _judgePlatform(body, platform, report, qeStatus, qeAdvisories);
        if (parts.tee == Tee.Sgx) _readSgx(body, report);
        else _readTdx(body, report);
    }

    /// @dev From the root to the report of the quoting enclave.
    function _verifyQe(
        bytes calldata quote,
        QuoteLayout.Layout memory parts,
        QuoteReport memory report
    ) private view returns (PckExtension.Platform memory platform) {
        bytes calldata text = quote[parts.chain:parts.chainEnd];
        (Memory.Slice der, uint256 offset) = Pem.decode(text, 0);
        Certificate memory pck = X509.readCertificate(der);
        require(offset < text.length && text[offset] == "\n", Pem.PemMalformed(offset));
        // A zero and a line feed at the end, where they are, do not belong to the chain.
        uint256 end = text.length;
        if (text[end - 1] == 0) --end;
        if (text[end - 1] == "\n") --end;
        require(end > offset, Pem.PemMalformed(offset));
        bytes32 chain = keccak256(text[offset + 1:end]);
        (Issuer memory issuer, uint40 expiresAt) = COLLATERAL.pckIssuer(chain);
        require(
            pck.issuer == (issuer.kind == IssuerKind.PlatformCa ? IntelNames.PLATFORM_CA : IntelNames.PROCESSOR_CA) &&
                pck.subject == IntelNames.PCK &&
                !pck.isCa &&
                pck.keyUsage & SIGNS_DATA != 0 &&
                pck.sgxStart != 0,
            PckCertificateUnsuited(pck.serial)
        );
        require(X509.isSignedBy(pck.seal, issuer.key), PckSignatureInvalid(pck.serial));
        require(
            block.timestamp >= pck.notBefore && block.timestamp <= pck.notAfter,
            PckOutsideValidity(pck.serial, pck.notBefore, pck.notAfter)
        );
        require(!COLLATERAL.isRevoked(chain, pck.serial), ICollateralRegistry.CertificateRevoked(chain, pck.serial));
        report.expiresAt = _min(expiresAt, pck.notAfter);
        platform = PckExtension.read(der, pck.sgxStart, pck.sgxEnd);

        bytes calldata qe = quote[parts.qeReport:parts.qeData];
        require(
            P256Signature.isValid(sha256(qe[:384]), bytes32(qe[384:416]), bytes32(qe[416:448]), pck.key),
            QeReportSignatureInvalid()
        );
        bytes32 expected = sha256(
            bytes.concat(quote[parts.signature + 64:parts.signature + 128], quote[parts.qeData:parts.qeDataEnd])
        );
        require(
            bytes32(qe[320:352]) == expected && bytes32(qe[352:384]) == 0,
            QeBindingMismatch(bytes32(qe[320:352]), expected)
        );
    }

    function _verifySignature(bytes calldata quote, QuoteLayout.Layout memory parts) private view {
        bytes calldata signature = quote[parts.signature:parts.signature + 128];
        P256Key memory key = P256Key(bytes32(signature[64:96]), bytes32(signature[96:128]));
        require(
            P256Signature.isValid(
                sha256(quote[:parts.signedEnd]),
                bytes32(signature[:32]),
                bytes32(signature[32:64]),
                key
            ),
            QuoteSignatureInvalid()
        );
    }

    /// @dev The quoting enclave's report against the identity.
    function _judgeQe(
        bytes calldata qe,
        QuoteReport memory report
    ) private view returns (TcbStatus status, uint16[] memory advisories) {
        (QeIdentity memory identity, uint40 expiresAt) = COLLATERAL.qeIdentity(report.tee);
        report.expiresAt = _min(report.expiresAt, expiresAt);
        bytes32 signer = bytes32(qe[128:160]);
        uint16 productId = _uint16(qe, 256);
        require(signer == identity.signer && productId == identity.productId, QeIdentityMismatch(signer, productId));
        bytes4 miscSelect = bytes4(qe[16:20]);
        bytes16 attributes = bytes16(qe[48:64]);
        require(uint128(attributes) & DEBUG == 0, QuoteDebuggable(attributes));
        require(
            miscSelect & identity.miscSelectMask == identity.miscSelect & identity.miscSelectMask &&
                attributes & identity.attributesMask == identity.attributes & identity.attributesMask,
            QeAttributesMismatch(miscSelect, attributes)
        );
        uint16 isvSvn = _uint16(qe, 258);
        bool found;
        uint64 bits;
        (found, status, bits) = TcbJudgement.svnLevel(identity.levels, isvSvn);
        require(found, QeLevelUnknown(isvSvn));
        advisories = _named(identity.advisories, bits, new uint16[](0));
    }

    /// @dev The platform, and its TDX module, against the TCB Info.
    function _judgePlatform(
        bytes calldata body,
        PckExtension.Platform memory platform,
        QuoteReport memory report,
        TcbStatus qeStatus,
        uint16[] memory qeAdvisories
    ) private view {
        (TcbInfo memory info, uint40 expiresAt) = COLLATERAL.tcbInfo(report.tee, platform.fmspc);
        report.expiresAt = _min(report.expiresAt, expiresAt);
        require(platform.pceId == info.pceId, PceMismatch(platform.pceId, info.pceId));
        PlatformTcb memory tcb = PlatformTcb(platform.components, 0, platform.pceSvn);
        if (report.tee == Tee.Tdx) tcb.tdx = uint128(bytes16(body[:16]));
        (TcbStatus status, uint64 bits) = TcbJudgement.platformLevel(info, tcb);
        if (report.tee == Tee.Tdx) {
            (TcbStatus moduleStatus, uint64 moduleBits) = TcbJudgement.moduleLevel(
                info,
                tcb.tdx,
                keccak256(body[64:112]),
                uint64(bytes8(body[112:120]))
            );
            status = TcbJudgement.joined(status, moduleStatus);
            bits |= moduleBits;
        }
        report.status = TcbJudgement.joined(status, qeStatus);
        require(report.status != TcbStatus.Revoked, TcbRevoked(platform.fmspc));
        report.advisories = _named(info.advisories, bits, qeAdvisories);
    }

    function _readSgx(bytes calldata body, QuoteReport memory report) private pure {
        bytes16 attributes = bytes16(body[48:64]);
        require(uint128(attributes) & DEBUG == 0, QuoteDebuggable(attributes));
        report.measurement = keccak256(abi.encodePacked(uint8(0), body[32:48], body[64:320]));
        report.reportData = [bytes32(body[320:352]), bytes32(body[352:384])];
    }

    function _readTdx(bytes calldata body, QuoteReport memory report) private pure {
        bytes8 attributes = bytes8(body[120:128]);
        // The first byte is the group of bits under which a TD is not trusted; its first bit is DEBUG.
        require(attributes[0] == 0, QuoteDebuggable(attributes));
        bool hasServiceTd = body.length > 584 && keccak256(body[600:648]) != keccak256(new bytes(48));
        require(
            attributes & TD_RESERVED == 0 && attributes & SEPT_VE_DISABLE != 0 && !hasServiceTd,
            QuoteAttributesRefused(attributes)
        );
        report.measurement = keccak256(abi.encodePacked(uint8(1), body[120:520]));
        report.reportData = [bytes32(body[520:552]), bytes32(body[552:584])];
    }

    /// @dev The numbers that bits name, after others, each once.
    function _named(
        uint16[] memory numbers,
        uint64 bits,
        uint16[] memory others
    ) private pure returns (uint16[] memory named) {
        uint16[] memory longest = new uint16[](numbers.length + others.length);
        uint256 count;
        for (uint256 i; i < others.length; ++i) longest[count++] = others[i];
        for (uint256 i; i < numbers.length; ++i) {
            if ((bits >> i) & 1 == 0) continue;
            uint256 place;
            while (place < others.length && others[place] != numbers[i]) ++place;
            if (place == others.length) longest[count++] = numbers[i];
        }
        named = new uint16[](count);
        for (uint256 i; i < count; ++i) named[i] = longest[i];
    }

    /// @dev A little-endian number.
    function _uint16(bytes calldata data, uint256 offset) private pure returns (uint16) {
        return uint16(uint8(data[offset])) | (uint16(uint8(data[offset + 1])) << 8);
    }

    function _min(uint40 a, uint40 b) private pure returns (uint40) {
        return a < b ? a : b;
    }
}
