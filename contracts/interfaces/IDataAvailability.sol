// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {CommittedData, DataKind} from "../types/Availability.sol";
import {Segment} from "../types/Witness.sol";
import {IDataSource} from "./IDataSource.sol";
import {IPrepaidLedger} from "./IPrepaidLedger.sol";

/// @title IDataAvailability
/// @notice Puts committed inputs and outputs on chain where somebody wants to see them. A demand costs a bond for each chunk
/// of 32 KiB. Whoever brings the chunk gets the bond; if nobody does in time, the demander has its bond back, and the
/// source acts on it: the market pays nobody for an answer to such an input, and convicts who claims such an output.
///
/// So a demand without need costs its author, and pays who answers it; only data that nobody has harm somebody else.
interface IDataAvailability is IPrepaidLedger {
    /// @notice A chunk was demanded. `answerUntil` is in the source's time.
    event DataDemanded(
        address indexed source,
        bytes32 indexed id,
        address indexed demander,
        DataKind kind,
        bytes32 root,
        uint256 chunk,
        uint256 answerUntil
    );

    /// @notice A demanded chunk, checked against the root.
    event DataShown(address indexed source, bytes32 indexed id, DataKind kind, uint256 chunk, Segment segment);

    /// @notice The tensors have no such chunk.
    error DataChunkOutside(uint256 chunk, uint256 count);
    /// @notice Every chunk was demanded before.
    error DataNothingNew();
    error DataDemandUnknown(bytes32 demandId);
    error DataShownBefore(bytes32 demandId);
    error DataTooLate(uint256 clock, uint256 until);
    error DataTooEarly(uint256 clock, uint256 until);
    error DataRootMismatch(bytes32 actual, bytes32 expected);
    error DataBondReturned(bytes32 demandId);

    /// @notice Demands chunks. The bond is taken for each that is new; chunks demanded before are skipped, so that nobody can
    /// block a batch.
    /// @dev Requirements: the source allows it (errors of the source); the chunks exist (DataChunkOutside); at least one is
    /// new (DataNothingNew); the bond arrives whole (CreditTokenMismatch).
    /// @param source Whose data.
    /// @param terms As IDataSource.noteDemand takes them.
    /// @param kind Which data.
    /// @param chunks Which chunks; see IModelRegistry.chunksOf.
    /// @return fresh Number of new demands.
    function demand(
        IDataSource source,
        bytes calldata terms,
        DataKind kind,
        uint32[] calldata chunks
    ) external returns (uint256 fresh);

    /// @notice Shows a demanded chunk; the bond is the caller's.
    /// @dev Requirements: it was demanded (DataDemandUnknown), is not shown (DataShownBefore) and its time is not over
    /// (DataTooLate); the segment is the chunk, and with `roots` it leads to the root (errors of the registry,
    /// DataRootMismatch).
    /// @param data The committed data.
    /// @param chunk Index of the chunk.
    /// @param roots Tensor roots of all tensors.
    /// @param segment Leaves of the chunk with their proof.
    function show(
        CommittedData calldata data,
        uint32 chunk,
        bytes32[] calldata roots,
        Segment calldata segment
    ) external;

    /// @notice Returns the bond of a demand that nobody answered in time to its demander; anyone may call.
    /// @dev Requirements: it was demanded (DataDemandUnknown), is not shown (DataShownBefore), its time is over
    /// (DataTooEarly), and the bond was not returned before (DataBondReturned). What the source does about the demand is
    /// another matter: see `settle`.
    function reclaim(CommittedData calldata data, uint32 chunk) external;

    /// @notice Tells the source that nobody showed a demanded chunk in time; anyone may call.
    /// @dev Requirements: it was demanded (DataDemandUnknown), is not shown (DataShownBefore), its time is over
    /// (DataTooEarly), and the source acts on it (errors of the source).
    /// @param data The committed data.
    /// @param chunk Index of the chunk.
    /// @param terms As IDataSource.noteDemand takes them.
    function settle(CommittedData calldata data, uint32 chunk, bytes calldata terms) external;

    /// @notice Whether the bond of a demand was returned to its demander.
    function isReturned(CommittedData calldata data, uint32 chunk) external view returns (bool);

    /// @notice Demands for data of `id` of a source that are not answered, in time or not.
    function openDemands(address source, bytes32 id) external view returns (uint256);

    /// @notice Seconds to answer a demand of a kind.
    function secondsFor(DataKind kind) external pure returns (uint40);

    /// @notice Bond for each chunk.
    function BOND() external view returns (uint96);
}
