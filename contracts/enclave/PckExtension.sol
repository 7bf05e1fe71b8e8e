// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";

import {Der} from "./Der.sol";

/// @title PckExtension
/// @notice Reads Intel's extension of a PCK certificate, 1.2.840.113741.1.13.1: which platform it is for.
/// @dev Strict: every field once; what is not needed is walked over.
library PckExtension {
    using Memory for Memory.Slice;

    /// @dev Content of the identifier of the extension; identifiers of its fields go on from it.
    bytes9 private constant PREFIX = hex"2a864886f84d010d01";
    uint256 private constant TCB = 2;
    uint256 private constant PCE_ID = 3;
    uint256 private constant FMSPC = 4;
    /// @dev Fields of TCB: 1 to 16 are components, then the version of the PCE and the raw CPUSVN.
    uint256 private constant PCE_SVN = 17;
    uint256 private constant CPU_SVN = 18;

    /// @notice What the extension says.
    /// @param components 16 components of the TCB, the first in the highest byte.
    /// @param pceSvn Version of the PCE.
    /// @param pceId Identity of the PCE.
    /// @param fmspc Platform.
    struct Platform {
        uint128 components;
        uint16 pceSvn;
        bytes2 pceId;
        bytes6 fmspc;
    }

    /// @notice Reads the extension whose content is `der[offset:end]`.
    function read(Memory.Slice der, uint256 offset, uint256 end) internal pure returns (Platform memory platform) {
        (uint256 item, uint256 last) = Der.expect(der, offset, end, Der.SEQUENCE);
        require(last == end, Der.DerMalformed(offset));
        uint256 seen;
        while (item < end) {
            uint256 next;
            (uint256 field, uint256 value, uint256 itemEnd) = _readField(der, item, end, 0);
            if (field <= FMSPC) {
                require(seen & (1 << field) == 0, Der.DerMalformed(item));
                seen |= 1 << field;
            }
            if (field == TCB) {
                (value, next) = Der.expect(der, value, itemEnd, Der.SEQUENCE);
                _readTcb(der, value, next, platform);
            } else if (field == PCE_ID) {
                (value, next) = Der.expect(der, value, itemEnd, Der.OCTET_STRING);
                require(next - value == 2, Der.DerMalformed(item));
                platform.pceId = bytes2(Der.prefix(der, value, 2));
            } else if (field == FMSPC) {
                (value, next) = Der.expect(der, value, itemEnd, Der.OCTET_STRING);
                require(next - value == 6, Der.DerMalformed(item));
                platform.fmspc = bytes6(Der.prefix(der, value, 6));
            } else {
                (, , next) = Der.read(der, value, itemEnd);
            }
            require(next == itemEnd, Der.DerMalformed(next));
            item = itemEnd;
        }
        // The bits of TCB, PCE_ID and FMSPC.
        require(seen & 0x1c == 0x1c, Der.DerMalformed(offset));
    }

    /// @dev Fields of the TCB in `der[item:end]`.
    function _readTcb(Memory.Slice der, uint256 item, uint256 end, Platform memory platform) private pure {
        uint256 seen;
        uint256 components;
        while (item < end) {
            (uint256 field, uint256 value, uint256 itemEnd) = _readField(der, item, end, TCB);
            require(field <= CPU_SVN && seen & (1 << field) == 0, Der.DerMalformed(item));
            seen |= 1 << field;
            uint256 number;
            if (field == CPU_SVN) {
                (, value) = Der.expect(der, value, itemEnd, Der.OCTET_STRING);
            } else {
                (number, value) = Der.readUint(der, value, itemEnd);
            }
            require(value == itemEnd, Der.DerMalformed(value));
            if (field == PCE_SVN) {
                require(number <= type(uint16).max, Der.DerMalformed(item));
                platform.pceSvn = uint16(number);
            } else if (field < PCE_SVN) {
                require(number <= type(uint8).max, Der.DerMalformed(item));
                components |= number << (8 * (16 - field));
            }
            item = itemEnd;
        }
        // Fields 1 to 18.
        require(seen == 0x7fffe, Der.DerMalformed(end));
        platform.components = uint128(components);
    }

    /// @dev `SEQUENCE { identifier, value }`: the last number of the identifier, where the value is and where it ends.
    /// @param group 0 for fields of the extension; the number of the group for fields inside one.
    function _readField(
        Memory.Slice der,
        uint256 item,
        uint256 end,
        uint256 group
    ) private pure returns (uint256 field, uint256 value, uint256 itemEnd) {
        uint256 name;
        (name, itemEnd) = Der.expect(der, item, end, Der.SEQUENCE);
        (name, value) = Der.expect(der, name, itemEnd, Der.OBJECT_IDENTIFIER);
        uint256 word = uint256(der.load(name));
        uint256 length = group == 0 ? 10 : 11;
        require(
            value - name == length && bytes9(bytes32(word)) == PREFIX && (group == 0 || (word >> 176) & 0xff == group),
            Der.DerMalformed(item)
        );
        field = (word >> (256 - 8 * length)) & 0xff;
        require(field != 0 && field < 0x80, Der.DerMalformed(item));
    }
}
