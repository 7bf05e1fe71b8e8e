// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Words} from "../machine/Words.sol";
import {Calendar} from "./Calendar.sol";

/// @title Json
/// @notice Walks over JSON (RFC 8259) as Intel signs it.
/// @dev Strict, and narrower than the standard: no white space, no escapes and only ASCII in strings, no fractions,
/// exponents or signs in numbers, no empty object where fields are read. What is read starts at `json[offset]`.
library Json {
    /// @dev Most objects and lists inside each other that `skip` walks over.
    uint256 private constant MAX_DEPTH = 16;
    uint256 private constant EACH = 0x0101010101010101010101010101010101010101010101010101010101010101;
    uint256 private constant HIGH = EACH << 7;
    /// @dev `....-..-..T..:..:..Z`
    bytes32 private constant SEPARATORS = 0x000000002d00002d00005400003a00003a00005a000000000000000000000000;

    /// @notice The characters at `offset` are not what must be there.
    error JsonMalformed(uint256 offset);

    /// @notice Reads one character.
    function expect(bytes calldata json, uint256 offset, bytes1 character) internal pure returns (uint256 next) {
        require(offset < json.length && json[offset] == character, JsonMalformed(offset));
        return offset + 1;
    }

    /// @notice A string: its characters are `json[offset + 1:next - 1]`.
    /// @dev Looks at 32 characters at once: where is the first that ends the string or may not be in it?
    function readString(bytes calldata json, uint256 offset) internal pure returns (uint256 next) {
        next = expect(json, offset, '"');
        uint256 source = Words.positionOf(json);
        uint256 marks = _marks(Words.loadCalldata(source + next));
        while (marks == 0) {
            next += 32;
            require(next < json.length, JsonMalformed(json.length));
            marks = _marks(Words.loadCalldata(source + next));
        }
        next += (255 - Math.log2(marks)) / 8;
        require(next < json.length, JsonMalformed(json.length));
        require(json[next] == '"', JsonMalformed(next));
        ++next;
    }

    /// @notice A short string, of at most 31 characters, in the highest places.
    function readWord(bytes calldata json, uint256 offset) internal pure returns (bytes32 word, uint256 next) {
        next = readString(json, offset);
        uint256 length = next - offset - 2;
        require(length < 32, JsonMalformed(offset));
        return (bytes32(json[offset + 1:next - 1]), next);
    }

    /// @notice The name of a field, and where its value starts.
    function readKey(bytes calldata json, uint256 offset) internal pure returns (bytes32 key, uint256 next) {
        (key, next) = readWord(json, offset);
        next = expect(json, next, ":");
    }

    /// @notice Whether another element follows in the list or object that `close` closes; reads the comma or `close`.
    function readMore(
        bytes calldata json,
        uint256 offset,
        bytes1 close
    ) internal pure returns (bool more, uint256 next) {
        require(offset < json.length, JsonMalformed(offset));
        more = json[offset] == ",";
        require(more || json[offset] == close, JsonMalformed(offset));
        return (more, offset + 1);
    }

    /// @notice A number of at most 10 digits.
    function readUint(bytes calldata json, uint256 offset) internal pure returns (uint256 value, uint256 next) {
        next = offset;
        while (next < json.length && next - offset <= 10) {
            uint256 digit = uint8(json[next]) ^ 0x30;
            if (digit > 9) break;
            value = value * 10 + digit;
            ++next;
        }
        uint256 length = next - offset;
        // A zero stands at the start only alone.
        require(length != 0 && length <= 10 && (length == 1 || json[offset] != "0"), JsonMalformed(offset));
    }

    /// @notice A number of at most `largest`.
    function readUpTo(
        bytes calldata json,
        uint256 offset,
        uint256 largest
    ) internal pure returns (uint256 value, uint256 next) {
        (value, next) = readUint(json, offset);
        require(value <= largest, JsonMalformed(offset));
    }

    /// @notice A string of exactly `count` bytes in hexadecimal.
    function readHex(
        bytes calldata json,
        uint256 offset,
        uint256 count
    ) internal pure returns (bytes memory, uint256 next) {
        offset = expect(json, offset, '"');
        next = expect(json, offset + 2 * count, '"');
        bytes memory value = new bytes(count);
        for (uint256 i; i < count; ++i) {
            value[i] = bytes1(uint8((_nibble(json, offset + 2 * i) << 4) | _nibble(json, offset + 2 * i + 1)));
        }
        return (value, next);
    }

    /// @notice A string with a time as `2025-06-19T10:16:03Z`, in seconds since 1970.
    function readTime(bytes calldata json, uint256 offset) internal pure returns (uint40 time, uint256 next) {
        bytes32 word;
        (word, next) = readWord(json, offset);
        // The separators, and zeros where digits stand.
        require(
            next - offset == 22 &&
                word & 0x00000000ff0000ff0000ff0000ff0000ff0000ff000000000000000000000000 == SEPARATORS,
            JsonMalformed(offset)
        );
        uint256 year = _twoDigits(json, offset + 1) * 100 + _twoDigits(json, offset + 3);
        uint256 month = _twoDigits(json, offset + 6);
        uint256 day = _twoDigits(json, offset + 9);
        uint256 hour = _twoDigits(json, offset + 12);
        uint256 minute = _twoDigits(json, offset + 15);
        uint256 second = _twoDigits(json, offset + 18);
        require(Calendar.isValid(year, month, day, hour, minute, second), JsonMalformed(offset));
        time = Calendar.toTime(year, month, day, hour, minute, second);
    }

    /// @notice Walks over any value.
    function skip(bytes calldata json, uint256 offset) internal pure returns (uint256 next) {
        return _skip(json, offset, 0);
    }

    /// @dev The highest bit of each byte that is a quotation mark, a backslash, or no printable ASCII. No step carries from
    /// byte to byte.
    function _marks(uint256 word) private pure returns (uint256) {
        unchecked {
            uint256 high = word | HIGH;
            uint256 quotation = word ^ (0x22 * EACH);
            uint256 backslash = word ^ (0x5c * EACH);
            return
                HIGH &
                (word |
                    ~(high - 0x20 * EACH) |
                    (high - 0x7f * EACH) |
                    (~quotation & ~((quotation | HIGH) - EACH)) |
                    (~backslash & ~((backslash | HIGH) - EACH)));
        }
    }

    function _skip(bytes calldata json, uint256 offset, uint256 depth) private pure returns (uint256 next) {
        require(offset < json.length && depth < MAX_DEPTH, JsonMalformed(offset));
        bytes1 first = json[offset];
        if (first == '"') return readString(json, offset);
        if (first == "t") return _skipWord(json, offset, "true", 4);
        if (first == "f") return _skipWord(json, offset, "false", 5);
        if (first == "n") return _skipWord(json, offset, "null", 4);
        if (first != "{" && first != "[") {
            (, next) = readUint(json, offset);
            return next;
        }
        bytes1 close = first == "{" ? bytes1("}") : bytes1("]");
        next = offset + 1;
        require(next < json.length, JsonMalformed(next));
        if (json[next] == close) return next + 1;
        bool more = true;
        while (more) {
            if (first == "{") {
                next = readString(json, next);
                next = expect(json, next, ":");
            }
            next = _skip(json, next, depth + 1);
            (more, next) = readMore(json, next, close);
        }
    }

    function _skipWord(
        bytes calldata json,
        uint256 offset,
        bytes32 word,
        uint256 length
    ) private pure returns (uint256 next) {
        next = offset + length;
        require(next <= json.length && bytes32(json[offset:next]) == word, JsonMalformed(offset));
    }

    function _nibble(bytes calldata json, uint256 offset) private pure returns (uint256) {
        uint256 character = uint8(json[offset]);
        if (character >= 0x30 && character <= 0x39) return character - 0x30;
        // Both cases.
        character |= 0x20;
        require(character >= 0x61 && character <= 0x66, JsonMalformed(offset));
        return character - 0x57;
    }

    function _twoDigits(bytes calldata json, uint256 offset) private pure returns (uint256) {
        uint256 tens = uint8(json[offset]) ^ 0x30;
        uint256 ones = uint8(json[offset + 1]) ^ 0x30;
        require(tens < 10 && ones < 10, JsonMalformed(offset));
        return tens * 10 + ones;
    }
}
