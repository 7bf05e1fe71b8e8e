// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IOperatorStaking} from "./IOperatorStaking.sol";
import {DrawTerms, PlaceTerms, PlaceView} from "../types/Place.sol";

/// @title IOperatorPools
/// @notice Which operators answer for which model version, under which terms, and the draw of one of them.
/// @dev Time is counted in epochs. Weights and terms of an epoch are fixed before it begins, and a draw uses those of the
/// epoch in which it was committed: nothing that anybody does after the commitment changes whom a seed names.
interface IOperatorPools {
    event OptedIn(address indexed operator, bytes32 indexed versionId, uint256 place);
    event OptedOut(address indexed operator, bytes32 indexed versionId, uint64 lastEpoch);
    event TermsSet(address indexed operator, bytes32 indexed versionId, PlaceTerms terms, uint64 fromEpoch);
    event Weighed(address indexed operator, bytes32 indexed versionId, uint64 weight, uint64 fromEpoch);

    error PoolEpochTooShort(uint256 actual, uint256 minimum);
    error PoolSaturationZero();
    /// @notice Only an active operator with at least the minimum stake takes part.
    error PoolOperatorUnable(address operator);
    /// @notice The operator has no signing key yet.
    error PoolKeyMissing(address operator);
    error PoolVersionUnusable(bytes32 versionId);
    error PoolOptedIn(address operator, bytes32 versionId);
    error PoolNotOptedIn(address operator, bytes32 versionId);
    /// @notice Draws under way still use the terms before the last change: the next one is taken from `epoch` on.
    error PoolTermsPending(uint64 epoch);

    /// @notice Says that the caller holds a model version and answers for it under `terms`, for requests of later epochs.
    function optIn(bytes32 versionId, PlaceTerms calldata terms) external;

    /// @notice Changes the terms for requests of later epochs.
    function setTerms(bytes32 versionId, PlaceTerms calldata terms) external;

    /// @notice Ends an opt-in for requests of later epochs. Draws of this epoch still name the operator, which must answer:
    /// whoever leaves keeps its stake and its service until the end of the next epoch.
    function optOut(bytes32 versionId) external;

    /// @notice Brings an operator's weights up to date with its stake and its status, from the next epoch on; anyone may
    /// call. Each version must be one that it is opted in to.
    function weigh(address operator, bytes32[] calldata versionIds) external;

    /// @notice The one operator that a seed names among the weights and terms of the draw's epoch. It reads nothing that
    /// can change after the commitment.
    /// @param terms What was fixed when the draw was committed; its epoch is the present or the previous one.
    /// @param seed Randomness of the draw, unknown when it was committed.
    /// @return operator Who is named; zero when nobody who was looked at takes such a request.
    /// @return stake Its stake by its weight in that epoch, in token units.
    /// @return capacity Its capacity in that epoch.
    function draw(
        DrawTerms calldata terms,
        bytes32 seed
    ) external view returns (address operator, uint256 stake, uint32 capacity);

    /// @notice The contract that holds the stake.
    function STAKING() external view returns (IOperatorStaking);

    /// @notice Number of operators with weight in a version, from the next epoch on.
    function holders(bytes32 versionId) external view returns (uint64);

    /// @notice Number of the present epoch: the time divided by `EPOCH_SECONDS`.
    function epoch() external view returns (uint64);

    /// @notice Weight of the minimum stake.
    function WEIGHT_UNIT() external view returns (uint256);

    /// @notice Seconds of an epoch.
    function EPOCH_SECONDS() external view returns (uint32);

    /// @notice Weight of an operator in an epoch, the present or the previous one: its stake in millionths of the minimum.
    function weightOf(address operator, bytes32 versionId, uint64 epoch) external view returns (uint64);

    /// @notice Sum of all weights of a version in an epoch, the present or the previous one.
    function totalWeightOf(bytes32 versionId, uint64 epoch) external view returns (uint64);

    /// @notice Terms of an operator's place in an epoch.
    function termsOf(address operator, bytes32 versionId, uint64 epoch) external view returns (PlaceTerms memory);

    /// @notice Places of a version in the present epoch, as draws that are committed now see them.
    /// @param first Number of the first place, from 0.
    /// @param count Most places to give; fewer where the version has no more.
    function placesOf(bytes32 versionId, uint256 first, uint256 count) external view returns (PlaceView[] memory);

    /// @notice Whether an operator answers for a version, or will from the next epoch on.
    function isOptedIn(address operator, bytes32 versionId) external view returns (bool);
}
