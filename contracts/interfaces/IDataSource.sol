// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IClock} from "./IClock.sol";
import {CommittedData, DataKind} from "../types/Availability.sol";

/// @title IDataSource
/// @notice A contract that holds commitments whose data can be demanded (IDataAvailability). Demands are answered by its clock.
interface IDataSource is IClock {
    /// @notice Says what `demander` may demand now and takes note of it; only the availability contract.
    /// @dev Reverts when nothing may be demanded.
    /// @param terms What was agreed about the data, encoded as its source says (the market: abi.encode(Request)).
    /// @param kind Which data.
    /// @param demander Who demands.
    /// @param answerUntil Last second to answer, in the source's time.
    /// @return data What the answers are checked against; its `source` is this contract.
    function noteDemand(
        bytes calldata terms,
        DataKind kind,
        address demander,
        uint40 answerUntil
    ) external returns (CommittedData memory data);

    /// @notice Nobody showed demanded data in time; only the availability contract. The market cancels a request whose input
    /// is withheld: nobody is paid for an answer to it. The requester loses `WITHHELD_BPS` of its fee, to the operator before
    /// its claim, to the demander after it. It convicts an operator whose output is withheld; the demander is the accuser.
    /// @dev Reverts while nothing can be done about it: in a dispute the verdict comes first.
    /// @param terms As in `noteDemand`.
    /// @param data What was demanded.
    /// @param demander Who demanded it.
    function noteWithheld(bytes calldata terms, CommittedData calldata data, address demander) external;
}
