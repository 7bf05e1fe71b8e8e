// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title BatchReader
/// @notice Reads many views of many contracts in one call, all at the same block.
/// @dev For walks that read hundreds of views after every transaction, so there is no ABI: encoding and decoding would take
/// longer than the views. Calldata: for each call 20 bytes of target, 2 bytes of length, and the encoded call. Answer: for
/// each call a word (length of what it returned, with bit 255 set when it reverted) and the bytes.
contract BatchReader {
    fallback() external {
        assembly {
            let out := 0
            for {
                let at := 0
            } lt(at, calldatasize()) {} {
                let head := calldataload(at)
                let length := and(shr(80, head), 0xffff)
                // The call lies where its answer will lie: it is not needed any more by then.
                calldatacopy(out, add(at, 22), length)
                let success := staticcall(gas(), shr(96, head), out, length, 0, 0)
                mstore(out, or(returndatasize(), shl(255, iszero(success))))
                returndatacopy(add(out, 32), 0, returndatasize())
                out := add(out, add(32, returndatasize()))
                at := add(at, add(22, length))
            }
            return(0, out)
        }
    }
}
