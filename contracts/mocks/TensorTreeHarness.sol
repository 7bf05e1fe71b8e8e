// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TensorTree} from "../commitment/TensorTree.sol";

/// @title TensorTreeHarness
/// @notice Exposes TensorTree to tests, beside the plain expressions that its assembly must equal.
contract TensorTreeHarness {
    function rootOf(uint8 dtype, uint64 length, bytes calldata data) external pure returns (bytes32) {
        return TensorTree.rootOf(dtype, length, data);
    }

    function segmentRoot(
        uint8 dtype,
        uint64 length,
        uint256 firstLeaf,
        bytes calldata data,
        bytes32[] calldata siblings
    ) external pure returns (bytes32) {
        return TensorTree.segmentRoot(dtype, length, firstLeaf, data, siblings);
    }

    function rangeRoot(
        bytes32[] calldata nodes,
        uint256 first,
        uint256 width,
        bytes32[] calldata siblings
    ) external pure returns (bytes32) {
        return TensorTree.rangeRoot(nodes, first, width, siblings);
    }

    function itemRoot(
        bytes32 node,
        uint256 index,
        uint256 count,
        bytes32[] calldata siblings
    ) external pure returns (bytes32) {
        return TensorTree.itemRoot(node, index, count, siblings);
    }

    function listRoot(bytes32[] calldata items) external pure returns (bytes32) {
        return TensorTree.listRoot(items);
    }

    function tensorRoot(uint8 dtype, uint64 length, bytes32 merkleRoot) external pure returns (bytes32) {
        return TensorTree.tensorRoot(dtype, length, merkleRoot);
    }

    function levelWidth(uint256 leaves, uint256 level) external pure returns (uint256) {
        return TensorTree.levelWidth(leaves, level);
    }

    function elementOf(uint8 dtype, uint256 index, bytes calldata data) external pure returns (uint64) {
        return TensorTree.elementOf(dtype, index, data);
    }

    function hashes(
        bytes calldata data,
        bytes32 left,
        bytes32 right
    ) external pure returns (bytes32[3] memory assembled) {
        return [TensorTree.itemHash(data), TensorTree.itemHash(left), TensorTree.nodeHash(left, right)];
    }

    function plainHashes(
        bytes calldata data,
        bytes32 left,
        bytes32 right
    ) external pure returns (bytes32[3] memory plain) {
        return
            [
                keccak256(abi.encodePacked(bytes1(0x00), data)),
                keccak256(abi.encodePacked(bytes1(0x00), left)),
                keccak256(abi.encodePacked(bytes1(0x01), left, right))
            ];
    }
}
