// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {ICollateralRegistry} from "../interfaces/ICollateralRegistry.sol";
import {IEnclaveRegistry} from "../interfaces/IEnclaveRegistry.sol";
import {IKeyRegistry} from "../interfaces/IOperatorStaking.sol";
import {IQuoteVerifier} from "../interfaces/IQuoteVerifier.sol";
import {Enrolment, QuoteReport, TcbStatus} from "../types/Enclave.sol";

/// @title EnclaveRegistry
/// @notice See IEnclaveRegistry. A SignatureVerifier over this registry is the TEE mode.
/// @dev Each change of an operator's key is a checkpoint at its time, so that the past never changes: the key in the high
/// 160 bits of 208, then until when it counts.
contract EnclaveRegistry is IEnclaveRegistry, AccessManaged {
    using Checkpoints for Checkpoints.Trace208;

    /// @notice Verifies quotes.
    IQuoteVerifier public immutable VERIFIER;

    /// @inheritdoc IEnclaveRegistry
    uint256 public acceptedStatuses;
    /// @inheritdoc IEnclaveRegistry
    mapping(bytes32 measurement => bool allowed) public isAllowed;
    mapping(address operator => Enrolment enrolment) private _enrolments;
    mapping(address operator => Checkpoints.Trace208 keys) private _keys;

    /// @param authority Says who governs.
    /// @param verifier Verifies quotes.
    /// @param statuses TCB statuses that are accepted: bit i stands for status i.
    constructor(address authority, IQuoteVerifier verifier, uint256 statuses) AccessManaged(authority) {
        VERIFIER = verifier;
        _setAcceptedStatuses(statuses);
    }

    /// @inheritdoc IEnclaveRegistry
    function setMeasurement(bytes32 measurement, bool allowed) external restricted {
        isAllowed[measurement] = allowed;
        emit MeasurementSet(measurement, allowed);
    }

    /// @inheritdoc IEnclaveRegistry
    function setAcceptedStatuses(uint256 statuses) external restricted {
        _setAcceptedStatuses(statuses);
    }

    /// @inheritdoc IEnclaveRegistry
    function enrol(address key, bytes calldata quote) external {
        require(key != address(0), EnclaveKeyZero());
        // SAFETY: a static call to a contract of this suite.
        QuoteReport memory report = VERIFIER.verify(quote);
        bytes32 expected = reportDataOf(key, msg.sender);
        require(
            report.reportData[0] == expected && report.reportData[1] == 0,
            EnclaveReportDataMismatch(report.reportData, expected)
        );
        _requireAccepted(report);
        _enrolments[msg.sender] = Enrolment(key, report.expiresAt, report.measurement, keccak256(quote));
        _push(msg.sender, key, report.expiresAt);
        emit EnclaveEnrolled(msg.sender, key, report.measurement, report.expiresAt);
    }

    /// @inheritdoc IEnclaveRegistry
    function renew(address operator, bytes calldata quote) external {
        Enrolment storage enrolment = _enrolledBy(operator, quote);
        QuoteReport memory report = VERIFIER.verify(quote);
        _requireAccepted(report);
        enrolment.expiresAt = report.expiresAt;
        _push(operator, enrolment.key, report.expiresAt);
        emit EnclaveRenewed(operator, enrolment.key, report.expiresAt);
    }

    /// @inheritdoc IEnclaveRegistry
    function invalidate(address operator, bytes calldata quote) external {
        Enrolment storage enrolment = _enrolledBy(operator, quote);
        _end(operator, enrolment, _reasonAgainst(operator, enrolment.measurement, quote));
    }

    /// @inheritdoc IEnclaveRegistry
    function retire() external {
        Enrolment storage enrolment = _enrolments[msg.sender];
        require(enrolment.key != address(0), EnclaveQuoteUnknown(msg.sender, 0));
        _end(msg.sender, enrolment, bytes4(0));
    }

    /// @inheritdoc IEnclaveRegistry
    function enrolmentOf(address operator) external view returns (Enrolment memory) {
        return _enrolments[operator];
    }

    /// @inheritdoc IKeyRegistry
    function signingKeyAt(address operator, uint40 time) external view returns (address) {
        uint208 value = _keys[operator].upperLookupRecent(time);
        return time <= uint40(value) ? address(uint160(value >> 40)) : address(0);
    }

    /// @inheritdoc IEnclaveRegistry
    function reportDataOf(address key, address operator) public view returns (bytes32) {
        return keccak256(abi.encode(key, operator, block.chainid, address(this)));
    }

    function _setAcceptedStatuses(uint256 statuses) private {
        require(statuses != 0 && statuses < 1 << uint256(TcbStatus.Revoked), EnclaveStatusesInvalid(statuses));
        acceptedStatuses = statuses;
        emit AcceptedStatusesSet(statuses);
    }

    function _end(address operator, Enrolment storage enrolment, bytes4 reason) private {
        address key = enrolment.key;
        delete _enrolments[operator];
        _push(operator, address(0), 0);
        emit EnclaveInvalidated(operator, key, reason);
    }

    function _push(address operator, address key, uint40 expiresAt) private {
        _keys[operator].push(uint48(block.timestamp), (uint208(uint160(key)) << 40) | expiresAt);
    }

    /// @dev Why a quote does not hold any more; reverts when it holds, or when that is not known.
    function _reasonAgainst(address operator, bytes32 measurement, bytes calldata quote) private view returns (bytes4) {
        if (!isAllowed[measurement]) return EnclaveMeasurementUnknown.selector;
        // SAFETY: a static call to a contract of this suite. With too little gas it fails without data, or without one of
        // these reasons: nobody ends a key by starving the verification.
        try VERIFIER.verify(quote) returns (QuoteReport memory report) {
            require(!_isAccepted(report.status), EnclaveValid(operator));
            return EnclaveStatusRefused.selector;
        } catch (bytes memory failure) {
            bytes4 reason = bytes4(failure);
            require(
                reason == ICollateralRegistry.CertificateRevoked.selector ||
                    reason == IQuoteVerifier.TcbRevoked.selector ||
                    reason == IQuoteVerifier.TcbLevelUnknown.selector ||
                    reason == IQuoteVerifier.TdxModuleUnknown.selector ||
                    reason == IQuoteVerifier.TdxModuleMismatch.selector ||
                    reason == IQuoteVerifier.QeIdentityMismatch.selector ||
                    reason == IQuoteVerifier.QeAttributesMismatch.selector ||
                    reason == IQuoteVerifier.QeLevelUnknown.selector,
                EnclaveNotJudged(reason)
            );
            return reason;
        }
    }

    function _requireAccepted(QuoteReport memory report) private view {
        require(isAllowed[report.measurement], EnclaveMeasurementUnknown(report.measurement));
        require(_isAccepted(report.status), EnclaveStatusRefused(report.status));
    }

    function _isAccepted(TcbStatus status) private view returns (bool) {
        return (acceptedStatuses >> uint256(status)) & 1 == 1;
    }

    /// @dev The enrolment of an operator by exactly this quote.
    function _enrolledBy(address operator, bytes calldata quote) private view returns (Enrolment storage enrolment) {
        enrolment = _enrolments[operator];
        bytes32 hash = keccak256(quote);
        require(enrolment.key != address(0) && enrolment.quoteHash == hash, EnclaveQuoteUnknown(operator, hash));
    }
}
