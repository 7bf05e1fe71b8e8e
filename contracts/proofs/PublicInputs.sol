// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EvidenceContext} from "../types/Evidence.sol";

/// @title PublicInputs
/// @notice What a proof is about, as field elements of less than 2^248 each: the element that binds the context of a
/// claim, then the answer and the question, 31 bytes an element.
/// @dev 248 bits fit the scalar field of BN254, so an element stands for exactly one run of 31 bytes.
library PublicInputs {
    /// @notice Domain of the element that binds a context.
    bytes32 internal constant CONTEXT_TAG = keccak256("assay.proof.context.v1");

    uint256 private constant ELEMENT_BYTES = 31;

    /// @notice Public inputs for data of that many bytes.
    function count(uint256 dataBytes) internal pure returns (uint256) {
        return 1 + (dataBytes + ELEMENT_BYTES - 1) / ELEMENT_BYTES;
    }

    /// @notice The public inputs of a claim.
    /// @param context What is claimed, for whom and where.
    /// @param data Outputs, then inputs: all bytes in order, without gaps.
    function ofClaim(
        EvidenceContext calldata context,
        bytes calldata data
    ) internal view returns (uint256[] memory inputs) {
        inputs = new uint256[](count(data.length));
        inputs[0] = contextElement(context);
        uint256 whole = data.length / ELEMENT_BYTES;
        // SAFETY: `whole` runs of 31 bytes, and the shorter one behind them, are in the data.
        unchecked {
            for (uint256 i; i < whole; ++i) inputs[i + 1] = _element(data[ELEMENT_BYTES * i:], ELEMENT_BYTES);
            uint256 left = data.length - whole * ELEMENT_BYTES;
            if (left != 0) inputs[whole + 1] = _element(data[data.length - left:], left);
        }
    }

    /// @dev The first bytes as a big-endian number; `size` is 1 to 31. Bytes behind the data count as zero.
    function _element(bytes calldata data, uint256 size) private pure returns (uint256) {
        return uint256(bytes32(data)) >> (8 * (32 - size));
    }

    /// @notice 248 bits of a hash over the chain, the calling contract and the whole context.
    function contextElement(EvidenceContext calldata context) internal view returns (uint256) {
        return uint256(keccak256(abi.encode(CONTEXT_TAG, block.chainid, address(this), context))) >> 8;
    }
}
