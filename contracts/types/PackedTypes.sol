// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {TensorType} from "./Model.sol";

/// @dev Five bytes a tensor: dtype, then length as a big-endian uint32. Up to six tensors stay in one storage slot.
uint256 constant PACKED_TYPE_BYTES = 5;

/// @notice Packs tensor types whose lengths fit 32 bits; the caller has checked them.
function packTypes(TensorType[] calldata list) pure returns (bytes memory packed) {
    for (uint256 i; i < list.length; ++i) {
        // SAFETY: bounded by the caller's limit on the number of tensors.
        packed = bytes.concat(packed, bytes1(list[i].dtype), bytes4(uint32(list[i].length)));
    }
}

/// @notice Number of types in a packed list.
function countTypes(bytes memory packed) pure returns (uint256) {
    return packed.length / PACKED_TYPE_BYTES;
}

/// @notice One type of a packed list; `index` below `countTypes`.
function typeAt(bytes memory packed, uint256 index) pure returns (uint8 dtype, uint64 length) {
    uint256 start = index * PACKED_TYPE_BYTES;
    dtype = uint8(packed[start]);
    for (uint256 i = 1; i < PACKED_TYPE_BYTES; ++i) length = (length << 8) | uint8(packed[start + i]);
}
