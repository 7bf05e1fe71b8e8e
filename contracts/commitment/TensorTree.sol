// SPDX-License-Identifier: MIT
pragma solidity >=0.8.27 <0.9.0;

import {DType} from "../types/DType.sol";

/// @title TensorTree
/// @notice Positional Merkle trees of docs/tensor-machine.md section 5: over the bytes of a tensor, cut into 1,024-byte
/// leaves, and over lists of tensor roots or encoded kernels.
/// @dev Trees do not commit to their own width. Every function takes the width from the caller, who must hold it from a
/// commitment: a tensor root binds dtype and length, a model commitment binds its counts, a trace its kernel count.
/// A level of n nodes has ceil(n / 2) parents; a last node without a sibling moves up unchanged.
library TensorTree {
    /// @notice Bytes of a whole leaf of a tensor.
    uint256 internal constant LEAF_BYTES = 1024;

    /// @dev log2 of the element size, one byte a dtype code, dtype 0 in the lowest byte.
    uint256 private constant DTYPE_SHIFTS = 0x00_00_01_02_03_00_01_02_03_02;

    error TreeDtypeUnknown(uint8 dtype);
    error TreeTensorLength(uint256 length);
    error TreeTensorBytes(uint256 actual, uint256 expected);
    error TreeRangeOutside(uint256 first, uint256 count, uint256 width);
    error TreeSiblingCount(uint256 actual, uint256 expected);
    error TreeElementOutside(uint256 index, uint256 count);

    // ------------------------------------------------------------------------------------------------ types

    /// @notice Base-2 logarithm of the bytes of one element.
    /// @dev Reverts with TreeDtypeUnknown.
    function dtypeShift(uint8 dtype) internal pure returns (uint256) {
        require(dtype < DType.COUNT, TreeDtypeUnknown(dtype));
        return (DTYPE_SHIFTS >> (uint256(dtype) * 8)) & 0xff;
    }

    /// @notice Bytes of a tensor of `length` elements.
    /// @dev Reverts with TreeDtypeUnknown, or TreeTensorLength unless 1 <= length < 2^32.
    function byteLength(uint8 dtype, uint256 length) internal pure returns (uint256) {
        require(length != 0 && length <= type(uint32).max, TreeTensorLength(length));
        return length << dtypeShift(dtype);
    }

    /// @notice Leaves of a tensor of that many bytes.
    function leafCount(uint256 bytesOfTensor) internal pure returns (uint256) {
        return (bytesOfTensor + LEAF_BYTES - 1) / LEAF_BYTES;
    }

    /// @notice Nodes on a level of a tree; level 0 is the leaves. `leaves` below 2^64, `level` below 64.
    function levelWidth(uint256 leaves, uint256 level) internal pure returns (uint256) {
        return (leaves + (1 << level) - 1) >> level;
    }

    /// @notice Root of a tensor, which binds its dtype and length to the root of the tree over its leaves.
    function tensorRoot(uint8 dtype, uint64 length, bytes32 merkleRoot) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x02), dtype, length, merkleRoot));
    }

    // ------------------------------------------------------------------------------------------------ hashes

    /// @notice Leaf of a list: a tensor root (or any other 32-byte item).
    function itemHash(bytes32 item) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            // The tag is the last byte of the first scratch word, and the item is the second word.
            mstore(0x00, 0)
            mstore(0x20, item)
            digest := keccak256(0x1f, 0x21)
        }
    }

    /// @notice Leaf of a list or of a tensor: any bytes, in particular an encoded kernel.
    function itemHash(bytes calldata item) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            // SAFETY: memory beyond the free pointer is only borrowed.
            let buffer := mload(0x40)
            mstore8(buffer, 0)
            calldatacopy(add(buffer, 1), item.offset, item.length)
            digest := keccak256(buffer, add(item.length, 1))
        }
    }

    /// @notice Inner node.
    function nodeHash(bytes32 left, bytes32 right) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore8(buffer, 1)
            mstore(add(buffer, 0x01), left)
            mstore(add(buffer, 0x21), right)
            digest := keccak256(buffer, 0x41)
        }
    }

    /// @notice Hashes of the leaves in `data`, which starts at a leaf boundary; the last leaf may be short.
    function leafHashes(bytes calldata data) internal pure returns (bytes32[] memory hashes) {
        uint256 count = leafCount(data.length);
        hashes = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            uint256 start = i * LEAF_BYTES;
            uint256 end = start + LEAF_BYTES < data.length ? start + LEAF_BYTES : data.length;
            hashes[i] = itemHash(data[start:end]);
        }
    }

    // ------------------------------------------------------------------------------------------------ ranges

    /// @notice How many siblings lead `count` consecutive nodes from `first` on a level of `width` nodes to the root.
    /// @dev Reverts with TreeRangeOutside unless the range is not empty and lies in the level.
    function siblingCount(uint256 first, uint256 count, uint256 width) internal pure returns (uint256 siblings) {
        require(first < width && count != 0 && count <= width - first, TreeRangeOutside(first, count, width));
        unchecked {
            // SAFETY: first + count <= width, and every quantity only shrinks from here on.
            uint256 end = first + count;
            while (width > 1) {
                siblings += first & 1;
                if (end & 1 == 1 && end < width) ++siblings;
                first >>= 1;
                end = (end + 1) >> 1;
                width = (width + 1) >> 1;
            }
        }
    }

    /// @notice Root over a level of `width` nodes of which `nodes` are those from `first` on.
    /// @dev Overwrites `nodes`. The same function serves leaves, runs of inner nodes, and single items.
    /// Requirements:
    /// - the range is not empty and inside the level (TreeRangeOutside);
    /// - exactly the siblings that complete it are given (TreeSiblingCount), level by level upwards, left before right.
    /// @param nodes Consecutive nodes of one level.
    /// @param first Position of the first of them.
    /// @param width Nodes on that level.
    /// @param siblings Hashes that complete the range to the root.
    function rangeRoot(
        bytes32[] memory nodes,
        uint256 first,
        uint256 width,
        bytes32[] calldata siblings
    ) internal pure returns (bytes32) {
        uint256 expected = siblingCount(first, nodes.length, width);
        require(siblings.length == expected, TreeSiblingCount(siblings.length, expected));
        unchecked {
            uint256 next;
            uint256 count = nodes.length;
            while (width > 1) {
                uint256 read;
                uint256 write;
                // A range that starts at a right child needs the left one.
                if (first & 1 == 1) {
                    nodes[write++] = nodeHash(siblings[next++], nodes[read++]);
                }
                // Writes never overtake reads, so one array is enough.
                while (read + 1 < count) {
                    nodes[write++] = nodeHash(nodes[read], nodes[read + 1]);
                    read += 2;
                }
                // A range that ends at a left child needs the right one, unless it is the last node of the level.
                if (read < count) {
                    nodes[write++] = first + count < width ? nodeHash(nodes[read], siblings[next++]) : nodes[read];
                }
                first >>= 1;
                count = write;
                width = (width + 1) >> 1;
            }
        }
        return nodes[0];
    }

    /// @notice Root over `count` nodes of which `node` is at `index`: inclusion of one item of a list.
    /// @dev Requirements as for `rangeRoot`.
    function itemRoot(
        bytes32 node,
        uint256 index,
        uint256 count,
        bytes32[] calldata siblings
    ) internal pure returns (bytes32) {
        uint256 expected = siblingCount(index, 1, count);
        require(siblings.length == expected, TreeSiblingCount(siblings.length, expected));
        unchecked {
            uint256 next;
            while (count > 1) {
                if (index & 1 == 1) node = nodeHash(siblings[next++], node);
                else if (index + 1 < count) node = nodeHash(node, siblings[next++]);
                index >>= 1;
                count = (count + 1) >> 1;
            }
        }
        return node;
    }

    /// @notice Root over a whole level. Overwrites `nodes`.
    /// @return The root; zero for no nodes.
    function wholeRoot(bytes32[] memory nodes) internal pure returns (bytes32) {
        unchecked {
            uint256 width = nodes.length;
            if (width == 0) return bytes32(0);
            while (width > 1) {
                uint256 half = width >> 1;
                for (uint256 i; i < half; ++i) nodes[i] = nodeHash(nodes[2 * i], nodes[2 * i + 1]);
                if (width & 1 == 1) nodes[half++] = nodes[width - 1];
                width = half;
            }
        }
        return nodes[0];
    }

    /// @notice Root of a list of 32-byte items, as of tensor roots. Leaves `items` as they are; zero for no items.
    function listRoot(bytes32[] memory items) internal pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](items.length);
        for (uint256 i; i < items.length; ++i) hashes[i] = itemHash(items[i]);
        return wholeRoot(hashes);
    }

    // ------------------------------------------------------------------------------------------------ tensors

    /// @notice Root of a tensor given whole.
    /// @dev Reverts with TreeDtypeUnknown, TreeTensorLength, or TreeTensorBytes when the bytes are not the type's in
    /// number.
    function rootOf(uint8 dtype, uint64 length, bytes calldata data) internal pure returns (bytes32) {
        uint256 expected = byteLength(dtype, length);
        require(data.length == expected, TreeTensorBytes(data.length, expected));
        return tensorRoot(dtype, length, wholeRoot(leafHashes(data)));
    }

    /// @notice Root of a tensor of which a run of whole leaves is given.
    /// @dev Reverts as `byteLength` and `rangeRoot` do, or with TreeTensorBytes when `data` does not end with a leaf.
    /// @param dtype Element type code.
    /// @param length Elements of the whole tensor.
    /// @param firstLeaf Position of the first leaf given.
    /// @param data Bytes of the leaves.
    /// @param siblings As for `rangeRoot`.
    function segmentRoot(
        uint8 dtype,
        uint64 length,
        uint256 firstLeaf,
        bytes calldata data,
        bytes32[] calldata siblings
    ) internal pure returns (bytes32) {
        uint256 total = byteLength(dtype, length);
        uint256 leaves = leafCount(total);
        uint256 count = leafCount(data.length);
        require(
            firstLeaf < leaves && count != 0 && count <= leaves - firstLeaf,
            TreeRangeOutside(firstLeaf, count, leaves)
        );
        // INVARIANT: every leaf is whole, except the last of the tensor. Otherwise bytes could be read at other positions.
        uint256 expected = firstLeaf + count == leaves ? total - firstLeaf * LEAF_BYTES : count * LEAF_BYTES;
        require(data.length == expected, TreeTensorBytes(data.length, expected));
        return tensorRoot(dtype, length, rangeRoot(leafHashes(data), firstLeaf, leaves, siblings));
    }

    /// @notice Bits of one element of a run of elements, zero-extended.
    /// @dev Reverts with TreeDtypeUnknown or TreeElementOutside.
    /// @param dtype Element type code.
    /// @param index Position of the element in `data`, in elements.
    /// @param data Elements, little-endian.
    function elementOf(uint8 dtype, uint256 index, bytes calldata data) internal pure returns (uint64) {
        uint256 shift = dtypeShift(dtype);
        uint256 count = data.length >> shift;
        require(index < count, TreeElementOutside(index, count));
        unchecked {
            uint256 size = 1 << shift;
            uint256 bits;
            for (uint256 i = size; i != 0; --i) bits = (bits << 8) | uint8(data[(index << shift) + i - 1]);
            return uint64(bits);
        }
    }
}
