// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TensorTree} from "./TensorTree.sol";
import {countTypes, typeAt} from "../types/PackedTypes.sol";

/// @title TensorList
/// @notice Lists of tensors of packed types: their bytes, roots, and the chunks in which a large one is put on chain.
library TensorList {
    /// @notice Leaves in a chunk: 32 KiB, which fits one transaction with its proof.
    uint256 internal constant CHUNK_LEAVES = 32;

    error TensorListBytes(uint256 actual, uint256 expected);

    /// @notice Bytes of all tensors.
    function totalBytes(bytes memory types) internal pure returns (uint256 total) {
        uint256 count = countTypes(types);
        for (uint256 i; i < count; ++i) total += _bytesAt(types, i);
    }

    /// @notice Root over the roots of tensors whose bytes are in `data`, one after the other.
    /// @dev Reverts with TensorListBytes unless `data` is exactly as long as the types say.
    function rootOf(bytes memory types, bytes calldata data) internal pure returns (bytes32) {
        uint256 expected = totalBytes(types);
        require(data.length == expected, TensorListBytes(data.length, expected));
        bytes32[] memory roots = new bytes32[](countTypes(types));
        uint256 offset;
        for (uint256 i; i < roots.length; ++i) {
            (uint8 dtype, uint64 length) = typeAt(types, i);
            uint256 size = TensorTree.byteLength(dtype, length);
            roots[i] = TensorTree.rootOf(dtype, length, data[offset:offset + size]);
            offset += size;
        }
        return TensorTree.listRoot(roots);
    }

    /// @notice Chunks of all tensors; a chunk never spans two tensors.
    function chunkCount(bytes memory types) internal pure returns (uint256 chunks) {
        uint256 count = countTypes(types);
        for (uint256 i; i < count; ++i) chunks += _chunks(_leavesAt(types, i));
    }

    /// @notice Where a chunk lies.
    /// @param types Packed types.
    /// @param chunk Below `chunkCount`.
    /// @return tensor Index of the tensor.
    /// @return firstLeaf First leaf of the chunk.
    /// @return leaves Number of leaves.
    function chunkAt(
        bytes memory types,
        uint256 chunk
    ) internal pure returns (uint256 tensor, uint256 firstLeaf, uint256 leaves) {
        uint256 total = _leavesAt(types, 0);
        while (chunk >= _chunks(total)) {
            chunk -= _chunks(total);
            total = _leavesAt(types, ++tensor);
        }
        firstLeaf = chunk * CHUNK_LEAVES;
        leaves = total - firstLeaf < CHUNK_LEAVES ? total - firstLeaf : CHUNK_LEAVES;
    }

    function _bytesAt(bytes memory types, uint256 index) private pure returns (uint256) {
        (uint8 dtype, uint64 length) = typeAt(types, index);
        return TensorTree.byteLength(dtype, length);
    }

    function _leavesAt(bytes memory types, uint256 index) private pure returns (uint256) {
        return TensorTree.leafCount(_bytesAt(types, index));
    }

    function _chunks(uint256 leaves) private pure returns (uint256) {
        return (leaves + CHUNK_LEAVES - 1) / CHUNK_LEAVES;
    }
}
