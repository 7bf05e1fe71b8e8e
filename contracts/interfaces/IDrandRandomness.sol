// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IRandomness} from "./IRandomness.sol";

/// @title IDrandRandomness
/// @notice Seeds from the rounds of a drand beacon. A ticket is the number of a round.
interface IDrandRandomness is IRandomness {
    /// @notice A round was verified. `randomness` is what drand publishes for it, and the seed of its tickets.
    event RoundVerified(uint64 indexed round, bytes32 randomness);

    /// @notice The margin is outside its range, in seconds.
    error DrandMarginOutOfRange(uint256 actual, uint256 minimum, uint256 maximum);
    /// @notice A beacon has rounds of at least a second.
    error DrandPeriodZero();
    /// @notice The beacon begins only after this block, or its time is not in seconds.
    error DrandGenesisInFuture(uint256 genesisTime, uint256 timestamp);
    /// @notice A point of the group that is not the signature of that round.
    error DrandSignatureInvalid(uint64 round);

    /// @notice Verifies the signature of a round and stores its randomness, for all its tickets and for ever.
    /// @dev Free of roles and of time: it does not matter who calls it, nor when. A round that is known already costs a
    /// read, whatever the signature. Besides DrandSignatureInvalid the errors are those of Bls12381: BlsPointLength,
    /// BlsFieldElementTooLarge, BlsPointAtInfinity, and BlsPrecompileFailed for a point outside the curve or the group,
    /// which burns 63/64 of the gas.
    /// @param round Number of the round, from 1.
    /// @param signature Point of G1, not compressed: x and y, 64 bytes each, as EIP-2537 encodes them.
    /// @return randomness SHA-256 of the compressed signature.
    function submit(uint64 round, bytes calldata signature) external returns (bytes32 randomness);

    /// @notice Public key of the beacon: a point of G2, 256 bytes, as EIP-2537 encodes it.
    function publicKey() external view returns (bytes memory);
}
