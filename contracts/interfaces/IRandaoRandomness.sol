// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IRandomness} from "./IRandomness.sol";

/// @title IRandaoRandomness
/// @notice Seeds from the beacon chain's RANDAO. A ticket is the number of a block.
interface IRandaoRandomness is IRandomness {
    /// @notice The header of a block was proven. `prevRandao` is the seed of its tickets.
    event BlockProven(uint64 indexed blockNumber, bytes32 prevRandao);

    /// @notice The delay is outside its range, in blocks.
    error RandaoDelayOutOfRange(uint256 actual, uint256 minimum, uint256 maximum);
    /// @notice No RANDAO: by EIP-4399 a number below 2^64 is a difficulty.
    error RandaoMissing(uint256 prevRandao);
    /// @notice The block is not over.
    error RandaoBlockPending(uint64 blockNumber, uint256 current);
    /// @notice Nobody brought the block's header while the chain knew its hash: its tickets are lost.
    error RandaoBlockLost(uint64 blockNumber);
    /// @notice The header is not that of the block.
    error RandaoHeaderMismatch(bytes32 actual, bytes32 expected);

    /// @notice Proves the header of a block and stores its `prevrandao`, for all its tickets and for ever.
    /// @dev Free of roles: it does not matter who calls it. A block that is known already costs a read, whatever the header.
    /// Reverts with RandaoBlockPending, RandaoBlockLost, RandaoHeaderMismatch; with BlockHeaderMalformed or RandaoMissing
    /// where a chain's headers are not Ethereum's.
    /// @param blockNumber A ticket: a block of the last 8,191.
    /// @param header Header of that block in RLP, whole.
    /// @return prevRandao The block's `prevrandao`.
    function submit(uint64 blockNumber, bytes calldata header) external returns (bytes32 prevRandao);
}
