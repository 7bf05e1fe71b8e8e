// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IInferenceMarket} from "./IInferenceMarket.sol";
import {RequestTerms} from "../types/Request.sol";

/// @title IRequestRelay
/// @notice Opens requests that their requesters only signed: somebody else sends the transaction and pays its gas.
interface IRequestRelay {
    /// @notice The time until which the signature counted is over.
    error RelaySignatureExpired(uint256 deadline, uint256 time);
    /// @notice The requester did not sign that with its present nonce.
    error RelaySignatureInvalid(address requester, uint256 nonce);

    /// @notice Opens a request of `requester`, which pays the fee by its allowance for this contract; anyone may call.
    /// @dev Requirements: the deadline is not over (RelaySignatureExpired); the signature is the requester's, by its key or
    /// by ERC-1271, over these terms and its present nonce (RelaySignatureInvalid); what `IInferenceMarket.request` wants.
    /// @param requester Who asks: refunds, damages and the request itself are its.
    /// @param terms What it asks for.
    /// @param deadline Until when the signature counts, in seconds since the epoch.
    /// @param signature Over `digestOf(requester, terms, its nonce, deadline)`.
    function request(
        address requester,
        RequestTerms calldata terms,
        uint256 deadline,
        bytes calldata signature
    ) external returns (bytes32 requestId);

    /// @notice Uses up the caller's present nonce, so that what it signed with it counts no more.
    function cancel() external;

    /// @notice What must be signed (EIP-712).
    function digestOf(
        address requester,
        RequestTerms calldata terms,
        uint256 nonce,
        uint256 deadline
    ) external view returns (bytes32);

    /// @notice Market in which requests are opened.
    function MARKET() external view returns (IInferenceMarket);
}
