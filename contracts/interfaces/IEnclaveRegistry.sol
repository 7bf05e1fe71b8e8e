// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {Enrolment, TcbStatus} from "../types/Enclave.sol";
import {IKeyRegistry} from "./IOperatorStaking.sol";

/// @title IEnclaveRegistry
/// @notice Which key an operator's enclave signs with. A key is enrolled by a quote: the enclave made it, and says so in
/// the quote's report data. It counts as long as the collateral of the quote, and longer when anyone renews it.
/// @dev Report data: the first 32 bytes are `reportDataOf(key, operator)`, the last 32 are zeros. Errors of a quote that
/// does not hold are those of IQuoteVerifier.
interface IEnclaveRegistry is IKeyRegistry {
    /// @notice A measurement may be enrolled from now on, or no longer.
    event MeasurementSet(bytes32 indexed measurement, bool allowed);
    /// @notice TCB statuses that are accepted from now on: bit i stands for status i.
    event AcceptedStatusesSet(uint256 statuses);
    /// @notice A key counts from now on until `expiresAt`.
    event EnclaveEnrolled(address indexed operator, address indexed key, bytes32 indexed measurement, uint40 expiresAt);
    /// @notice The key of the operator counts longer.
    event EnclaveRenewed(address indexed operator, address indexed key, uint40 expiresAt);
    /// @notice The key of the operator counts no longer; `reason` is the selector of the error that says why.
    event EnclaveInvalidated(address indexed operator, address indexed key, bytes4 reason);

    /// @notice The quote's enclave is not one that governance allowed.
    error EnclaveMeasurementUnknown(bytes32 measurement);
    /// @notice The TCB has a status that is not accepted.
    error EnclaveStatusRefused(TcbStatus status);
    /// @notice The quote says something else about the key, the operator, the chain or the registry.
    error EnclaveReportDataMismatch(bytes32[2] actual, bytes32 expected);
    /// @notice No key of address zero.
    error EnclaveKeyZero();
    /// @notice The operator has no key that was enrolled by this quote.
    error EnclaveQuoteUnknown(address operator, bytes32 quoteHash);
    /// @notice Nothing speaks against the key: its quote holds.
    error EnclaveValid(address operator);
    /// @notice The quote could not be judged; `reason` is the selector of the verifier's error.
    error EnclaveNotJudged(bytes4 reason);
    /// @notice A set of statuses is empty, or contains Revoked or what does not exist.
    error EnclaveStatusesInvalid(uint256 statuses);

    /// @notice Allows or forbids a measurement; restricted to governance, after its delay.
    /// @dev Keys that are enrolled stay until somebody invalidates them, which anyone may then do.
    function setMeasurement(bytes32 measurement, bool allowed) external;

    /// @notice Says which TCB statuses are accepted; restricted to governance, after its delay.
    /// @param statuses Bit i stands for status i of TcbStatus.
    function setAcceptedStatuses(uint256 statuses) external;

    /// @notice Enrols a key for the caller, in the place of its former one.
    function enrol(address key, bytes calldata quote) external;

    /// @notice Verifies the quote of an enrolled key again, with the collateral that counts now; by anyone.
    function renew(address operator, bytes calldata quote) external;

    /// @notice Ends an enrolled key whose quote does not hold any more because of what is known now: something was revoked,
    /// its TCB is not accepted, or its measurement is not allowed; by anyone.
    /// @dev Collateral that is missing or expired is no reason: the key expires by itself.
    function invalidate(address operator, bytes calldata quote) external;

    /// @notice Ends the caller's key.
    function retire() external;

    /// @notice What an enclave writes into the first 32 bytes of its report data.
    function reportDataOf(address key, address operator) external view returns (bytes32);

    /// @notice The last enrolment of an operator.
    function enrolmentOf(address operator) external view returns (Enrolment memory);

    /// @notice Whether a measurement may be enrolled.
    function isAllowed(bytes32 measurement) external view returns (bool);

    /// @notice TCB statuses that are accepted: bit i stands for status i.
    function acceptedStatuses() external view returns (uint256);
}
