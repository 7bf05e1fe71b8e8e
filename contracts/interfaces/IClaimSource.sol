// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IAuditDesk} from "./IAuditDesk.sol";
import {ClaimFacts, HeldClaim} from "../types/Claim.sol";

/// @title IClaimSource
/// @notice A contract whose claims the court judges. All the court knows of a claim comes from here, and all that a verdict
/// changes outside the court happens here.
/// @dev What the court relies on, for the sake of the claim's parties: `markChallenged` refuses a claim that is not present or
/// whose window is over; a challenged claim stays as it is until the verdict or until the source gives up; `convict` and
/// `upheld` accept the verdict of a challenged claim, whatever its operator does. A source that breaks this harms the
/// parties of its own claims: the court pays nobody from another claim's bonds.
interface IClaimSource {
    /// @notice Holds a claim back from finality; only the court.
    /// @dev Reverts unless `claimId` is the present claim of `id` and its window is open.
    function markChallenged(bytes32 id, bytes32 claimId) external returns (HeldClaim memory);

    /// @notice The claim stands; only the court.
    function upheld(bytes32 id, bytes32 claimId) external;

    /// @notice The claim was proven wrong or not defended; only the court.
    /// @param claimId The claim.
    /// @param terms As in `factsOf`.
    /// @param accuser Who is to be rewarded.
    function convict(bytes32 claimId, bytes calldata terms, address accuser) external;

    /// @notice Whether the source still waits for a verdict. It may give up on a dispute that takes too long; the court
    /// then settles its own bonds without it.
    function isChallenged(bytes32 id, bytes32 claimId) external view returns (bool);

    /// @notice What the trace of a challenged claim is judged against.
    /// @dev Reverts unless `terms` belong to the claim and it is challenged.
    /// @param claimId The claim.
    /// @param terms What was agreed when the claim became due, encoded as its source says (the market: the ABI encoding
    /// of its `Request`), so that the source need not store it.
    function factsOf(bytes32 claimId, bytes calldata terms) external view returns (ClaimFacts memory);

    /// @notice The contract that has claims of the source audited, and opens disputes in the name of auditors; zero for none.
    function auditDesk() external view returns (IAuditDesk);

    /// @notice Whether `account` may defend the claims of `operator`: the operator itself, or who it authorised.
    function actsFor(address account, address operator) external view returns (bool);

    /// @notice Time that a dispute may take after the window before the source gives up.
    function MAX_DISPUTE_SECONDS() external view returns (uint40);
}
