// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";

import {Words} from "../machine/Words.sol";

/// @title Pem
/// @notice Reads certificates in PEM (RFC 7468).
/// @dev Strict: lines of 64 characters but the last, one line feed after each, no other white space, canonical base64.
/// 32 characters are decoded at once: each byte of a word is one character, and no step carries from byte to byte.
library Pem {
    using Memory for bytes;
    using Memory for Memory.Slice;

    bytes28 private constant BEGIN = "-----BEGIN CERTIFICATE-----\n";
    bytes26 private constant END = "\n-----END CERTIFICATE-----";
    uint256 private constant EACH = 0x0101010101010101010101010101010101010101010101010101010101010101;
    uint256 private constant HIGH = EACH << 7;

    /// @notice The characters at `offset` are not what must be there.
    error PemMalformed(uint256 offset);

    /// @notice The certificate that starts at `offset`.
    /// @return der Its bytes.
    /// @return next Where the text goes on after `-----END CERTIFICATE-----`.
    function decode(bytes calldata text, uint256 offset) internal pure returns (Memory.Slice der, uint256 next) {
        require(offset + 28 <= text.length && bytes28(text[offset:offset + 28]) == BEGIN, PemMalformed(offset));
        offset += 28;
        uint256[] memory buffer = new uint256[]((text.length - offset) / 42 + 3);
        uint256 from = Words.positionOf(buffer);
        uint256 to = from;
        uint256 source = Words.positionOf(text);
        // Whole lines, but for the last one: it may end with `=`.
        while (offset + 66 <= text.length && text[offset + 64] == "\n" && text[offset + 65] != "-") {
            Words.store(to, _decoded(Words.loadCalldata(source + offset), offset) << 64);
            Words.store(to + 24, _decoded(Words.loadCalldata(source + offset + 32), offset + 32) << 64);
            to += 48;
            offset += 65;
        }
        uint256 length;
        (length, offset) = _decodeLastLine(text, offset, to);
        length += to - from;
        --offset;
        require(offset + 26 <= text.length && bytes26(text[offset:offset + 26]) == END, PemMalformed(offset));
        return (abi.encodePacked(buffer).asSlice().slice(0, length), offset + 26);
    }

    /// @dev Decodes a line of at most 64 characters.
    /// @return count Number of bytes.
    /// @return next Where the next line starts.
    function _decodeLastLine(
        bytes calldata text,
        uint256 offset,
        uint256 to
    ) private pure returns (uint256 count, uint256 next) {
        uint256 length = 4;
        while (length < 64 && offset + length < text.length && text[offset + length] != "\n") length += 4;
        next = offset + length + 1;
        require(next <= text.length && text[next - 1] == "\n", PemMalformed(offset));
        uint256 padding;
        if (text[next - 2] == "=") padding = text[next - 3] == "=" ? 2 : 1;
        count = (length / 4) * 3 - padding;
        // Every place after the last character becomes an `A`, which stands for zeros.
        uint256 characters = length - padding;
        uint256 first = Words.loadCalldata(Words.positionOf(text) + offset);
        uint256 second = Words.loadCalldata(Words.positionOf(text) + offset + 32);
        if (characters < 32) {
            first = _filled(first, characters);
            second = 0x41 * EACH;
        } else {
            second = _filled(second, characters - 32);
        }
        uint256 high = _decoded(first, offset);
        uint256 low = _decoded(second, offset + 32);
        Words.store(to, high << 64);
        Words.store(to + 24, low << 64);
        // The unused bits of the last character are zeros.
        uint256 unused = count < 24 ? (high << (64 + 8 * count)) : (low << (64 + 8 * (count - 24)));
        require(unused == 0, PemMalformed(next - 2));
    }

    /// @dev The first `count` bytes of a word, then `A`.
    function _filled(uint256 word, uint256 count) private pure returns (uint256) {
        uint256 rest = type(uint256).max >> (8 * count);
        return (word & ~rest) | ((0x41 * EACH) & rest);
    }

    /// @dev 24 bytes, in the lowest places, for 32 characters.
    function _decoded(uint256 word, uint256 offset) private pure returns (uint256) {
        // In each byte: its highest bit says whether the character is at least the one that is subtracted.
        unchecked {
            uint256 marked = word | HIGH;
            uint256 digit = marked - 0x30 * EACH;
            uint256 slash = (marked - 0x2f * EACH) & ~digit & HIGH;
            digit = digit & ~(marked - 0x3a * EACH) & HIGH;
            uint256 upper = (marked - 0x41 * EACH) & ~(marked - 0x5b * EACH) & HIGH;
            uint256 lower = (marked - 0x61 * EACH) & ~(marked - 0x7b * EACH) & HIGH;
            uint256 plus = (marked - 0x2b * EACH) & ~(marked - 0x2c * EACH) & HIGH;
            require(word & HIGH == 0 && (upper | lower | digit | plus | slash) == HIGH, PemMalformed(offset));
            // Six bits in each byte.
            word = word + (digit >> 7) * 4 + (plus >> 7) * 19 + (slash >> 7) * 16;
            word = word - (upper >> 7) * 0x41 - (lower >> 7) * 0x47;
        }
        // Neighbours are joined, five times.
        word =
            ((word >> 2) & 0x0fc00fc00fc00fc00fc00fc00fc00fc00fc00fc00fc00fc00fc00fc00fc00fc0) |
            (word & 0x003f003f003f003f003f003f003f003f003f003f003f003f003f003f003f003f);
        word =
            ((word >> 4) & 0x00fff00000fff00000fff00000fff00000fff00000fff00000fff00000fff000) |
            (word & 0x00000fff00000fff00000fff00000fff00000fff00000fff00000fff00000fff);
        word =
            ((word >> 8) & 0x0000ffffff0000000000ffffff0000000000ffffff0000000000ffffff000000) |
            (word & 0x0000000000ffffff0000000000ffffff0000000000ffffff0000000000ffffff);
        word =
            ((word >> 16) & 0x00000000ffffffffffff00000000000000000000ffffffffffff000000000000) |
            (word & 0x00000000000000000000ffffffffffff00000000000000000000ffffffffffff);
        return
            ((word >> 32) & 0x0000000000000000ffffffffffffffffffffffff000000000000000000000000) |
            (word & 0x0000000000000000000000000000000000000000ffffffffffffffffffffffff);
    }
}
