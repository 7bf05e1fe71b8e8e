// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";

import {Calendar} from "./Calendar.sol";

/// @title Der
/// @notice Walks over ASN.1 in DER (ITU-T X.690).
/// @dev Strict: every length is inside what surrounds it and has its one shortest form, integers are positive and short,
/// times are in UTC with seconds. Tags have one byte. What is read is `der[offset:end]`; the caller says where it must end.
library Der {
    using Memory for Memory.Slice;

    uint256 internal constant BOOLEAN = 0x01;
    uint256 internal constant INTEGER = 0x02;
    uint256 internal constant BIT_STRING = 0x03;
    uint256 internal constant OCTET_STRING = 0x04;
    uint256 internal constant OBJECT_IDENTIFIER = 0x06;
    uint256 internal constant UTC_TIME = 0x17;
    uint256 internal constant GENERALIZED_TIME = 0x18;
    uint256 internal constant SEQUENCE = 0x30;

    /// @notice The bytes at `offset` are not what must be there.
    error DerMalformed(uint256 offset);

    /// @notice The element at `offset`: its tag, where its content starts, and where the next element is.
    function read(
        Memory.Slice der,
        uint256 offset,
        uint256 end
    ) internal pure returns (uint256 tag, uint256 start, uint256 next) {
        require(offset + 2 <= end, DerMalformed(offset));
        uint256 word = uint256(der.load(offset));
        tag = word >> 248;
        uint256 length = (word >> 240) & 0xff;
        start = offset + 2;
        if (length > 0x7f) {
            // The length follows, big-endian; nothing here is longer than three bytes can say.
            uint256 size = length - 0x80;
            require(size != 0 && size <= 3, DerMalformed(offset));
            length = (word << 16) >> (256 - 8 * size);
            require(length > 0x7f && length >> (8 * (size - 1)) != 0, DerMalformed(offset));
            start += size;
        }
        next = start + length;
        // A tag whose number does not fit five bits goes on in the next byte: nothing here has one.
        require(tag & 0x1f != 0x1f && next <= end, DerMalformed(offset));
    }

    /// @notice As `read`, for the one tag that may stand there.
    function expect(
        Memory.Slice der,
        uint256 offset,
        uint256 end,
        uint256 tag
    ) internal pure returns (uint256 start, uint256 next) {
        uint256 actual;
        (actual, start, next) = read(der, offset, end);
        require(actual == tag, DerMalformed(offset));
    }

    /// @notice As `expect`, for a content that must be exactly these bytes, at most 32, in the highest places of `content`.
    function expectContent(
        Memory.Slice der,
        uint256 offset,
        uint256 end,
        uint256 tag,
        bytes32 content,
        uint256 length
    ) internal pure returns (uint256 next) {
        uint256 start;
        (start, next) = expect(der, offset, end, tag);
        require(next - start == length && prefix(der, start, length) == content, DerMalformed(offset));
    }

    /// @notice The first `length` bytes from `offset`, at most 32, in the highest places.
    function prefix(Memory.Slice der, uint256 offset, uint256 length) internal pure returns (bytes32) {
        return
            length == 0 ? bytes32(0) : bytes32((uint256(der.load(offset)) >> (256 - 8 * length)) << (256 - 8 * length));
    }

    /// @notice A positive integer of at most 32 bytes, or 0.
    function readUint(
        Memory.Slice der,
        uint256 offset,
        uint256 end
    ) internal pure returns (uint256 value, uint256 next) {
        uint256 start;
        (start, next) = expect(der, offset, end, INTEGER);
        return (contentUint(der, start, next), next);
    }

    /// @notice The integer whose content is `der[start:end]`.
    function contentUint(Memory.Slice der, uint256 start, uint256 end) internal pure returns (uint256 value) {
        uint256 length = end - start;
        require(length != 0 && length <= 33, DerMalformed(start));
        uint256 word = uint256(der.load(start));
        // The highest bit is the sign. A first byte of zeros stands only where that bit of the next byte is set.
        require(word >> 255 == 0, DerMalformed(start));
        if (length > 1 && word >> 248 == 0) {
            require((word >> 247) & 1 == 1, DerMalformed(start));
            word = uint256(der.load(start + 1));
            --length;
        }
        require(length <= 32, DerMalformed(start));
        return word >> (256 - 8 * length);
    }

    /// @notice A time, in seconds since 1970.
    function readTime(Memory.Slice der, uint256 offset, uint256 end) internal pure returns (uint40 time, uint256 next) {
        (uint256 tag, uint256 start, uint256 after_) = read(der, offset, end);
        uint256 length = after_ - start;
        require((tag == UTC_TIME && length == 13) || (tag == GENERALIZED_TIME && length == 15), DerMalformed(offset));
        uint256 word = uint256(der.load(start));
        uint256 year = _twoDigits(word, 0, offset);
        uint256 i = 2;
        if (tag == UTC_TIME) {
            // RFC 5280: two digits mean 1950 to 2049.
            year += year < 50 ? 2000 : 1900;
        } else {
            year = year * 100 + _twoDigits(word, 2, offset);
            i = 4;
        }
        uint256 month = _twoDigits(word, i, offset);
        uint256 day = _twoDigits(word, i + 2, offset);
        uint256 hour = _twoDigits(word, i + 4, offset);
        uint256 minute = _twoDigits(word, i + 6, offset);
        uint256 second = _twoDigits(word, i + 8, offset);
        require(
            (word >> (8 * (21 - i))) & 0xff == 0x5a && Calendar.isValid(year, month, day, hour, minute, second),
            DerMalformed(offset)
        );
        return (Calendar.toTime(year, month, day, hour, minute, second), after_);
    }

    /// @notice A bit string of whole bytes: where they start.
    function readBits(
        Memory.Slice der,
        uint256 offset,
        uint256 end
    ) internal pure returns (uint256 start, uint256 next) {
        (start, next) = expect(der, offset, end, BIT_STRING);
        require(next > start && prefix(der, start, 1) == 0, DerMalformed(offset));
        ++start;
    }

    /// @dev Two decimal digits of the word, from its byte `i` on.
    function _twoDigits(uint256 word, uint256 i, uint256 offset) private pure returns (uint256) {
        uint256 tens = ((word >> (8 * (31 - i))) & 0xff) ^ 0x30;
        uint256 ones = ((word >> (8 * (30 - i))) & 0xff) ^ 0x30;
        require(tens < 10 && ones < 10, DerMalformed(offset));
        return tens * 10 + ones;
    }
}
