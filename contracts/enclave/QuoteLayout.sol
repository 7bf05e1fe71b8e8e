// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IQuoteVerifier} from "../interfaces/IQuoteVerifier.sol";
import {Tee} from "../types/Enclave.sol";

/// @title QuoteLayout
/// @notice Where things are in a quote (Intel SGX ECDSA QuoteLibReference, Intel TDX DCAP Quoting Library API).
/// @dev Numbers in a quote are little-endian.
library QuoteLayout {
    uint256 private constant HEADER = 48;
    uint256 private constant SGX_REPORT = 384;
    uint256 private constant TD_REPORT_10 = 584;
    uint256 private constant TD_REPORT_15 = 648;
    uint16 private constant PCK_CHAIN = 5;
    uint16 private constant QE_REPORT = 6;
    bytes16 private constant INTEL = 0x939a7233f79c4ca9940a0db3957f0607;

    /// @notice Offsets in a quote. What is signed is `quote[:signedEnd]`.
    /// @param tee Kind.
    /// @param body Report of the enclave, or of the TD.
    /// @param signedEnd End of the report.
    /// @param signature Signature, then the attestation key: 64 bytes each.
    /// @param qeReport Report of the quoting enclave, 384 bytes, then its signature, 64.
    /// @param qeData Data that the quoting enclave bound to its key.
    /// @param qeDataEnd End of these data.
    /// @param chain PCK chain in PEM.
    /// @param chainEnd End of the chain.
    struct Layout {
        Tee tee;
        uint256 body;
        uint256 signedEnd;
        uint256 signature;
        uint256 qeReport;
        uint256 qeData;
        uint256 qeDataEnd;
        uint256 chain;
        uint256 chainEnd;
    }

    /// @notice Finds everything; nothing overlaps, and zeros follow at most.
    function read(bytes calldata quote) internal pure returns (Layout memory parts) {
        require(quote.length >= HEADER, IQuoteVerifier.QuoteMalformed(quote.length));
        uint256 version = _number(quote, 0, 2);
        uint256 tee = _number(quote, 4, 4);
        parts.body = HEADER;
        if (version == 3) {
            require(tee == 0, IQuoteVerifier.QuoteTeeUnsupported(3, uint32(tee)));
            parts.tee = Tee.Sgx;
            parts.signedEnd = HEADER + SGX_REPORT;
        } else {
            require(version == 4 || version == 5, IQuoteVerifier.QuoteVersionUnsupported(uint16(version)));
            require(tee == 0x81, IQuoteVerifier.QuoteTeeUnsupported(uint16(version), uint32(tee)));
            parts.tee = Tee.Tdx;
            uint256 size = TD_REPORT_10;
            if (version == 5) {
                uint256 bodyType = _number(quote, HEADER, 2);
                size = _number(quote, HEADER + 2, 4);
                require(
                    (bodyType == 2 && size == TD_REPORT_10) || (bodyType == 3 && size == TD_REPORT_15),
                    IQuoteVerifier.QuoteBodyUnsupported(uint16(bodyType), uint32(size))
                );
                parts.body += 6;
            }
            parts.signedEnd = parts.body + size;
        }
        uint256 keyType = _number(quote, 2, 2);
        require(keyType == 2, IQuoteVerifier.QuoteKeyTypeUnsupported(uint16(keyType)));
        require(bytes16(quote[12:28]) == INTEL, IQuoteVerifier.QuoteVendorUnknown(bytes16(quote[12:28])));

        parts.signature = parts.signedEnd + 4;
        uint256 end = parts.signature + _number(quote, parts.signedEnd, 4);
        parts.qeReport = parts.signature + 128;
        if (version != 3) parts.qeReport = _certification(quote, parts.qeReport, end, QE_REPORT);
        parts.qeData = parts.qeReport + 450;
        parts.qeDataEnd = parts.qeData + _number(quote, parts.qeData - 2, 2);
        parts.chain = _certification(quote, parts.qeDataEnd, end, PCK_CHAIN);
        parts.chainEnd = end;
        _requireZeros(quote, end);
    }

    /// @dev A type, a size and as many bytes, which must end at `end`: where they start.
    function _certification(
        bytes calldata quote,
        uint256 offset,
        uint256 end,
        uint16 expected
    ) private pure returns (uint256 start) {
        uint256 actual = _number(quote, offset, 2);
        require(actual == expected, IQuoteVerifier.QuoteCertificationUnsupported(uint16(actual), expected));
        start = offset + 6;
        require(start + _number(quote, offset + 2, 4) == end, IQuoteVerifier.QuoteMalformed(offset + 2));
    }

    /// @dev What follows the quote in the buffer that the platform filled.
    function _requireZeros(bytes calldata quote, uint256 offset) private pure {
        require(offset <= quote.length, IQuoteVerifier.QuoteMalformed(offset));
        while (offset < quote.length) {
            uint256 next = offset + 32 < quote.length ? offset + 32 : quote.length;
            require(bytes32(quote[offset:next]) == 0, IQuoteVerifier.QuoteMalformed(offset));
            offset = next;
        }
    }

    function _number(bytes calldata quote, uint256 offset, uint256 size) private pure returns (uint256 value) {
        require(offset + size <= quote.length, IQuoteVerifier.QuoteMalformed(offset));
        for (uint256 i; i < size; ++i) value |= uint256(uint8(quote[offset + i])) << (8 * i);
    }
}
