// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {EvidenceContext, RouteState} from "../types/Evidence.sol";
import {IVerifier} from "./IVerifier.sol";

/// @title IAttestationVerifier
/// @notice Says what makes a claim acceptable: a policy names modes by 4-byte selector and every one must hold. Routes
/// from selectors to verifiers are added or tombstoned, never replaced, so a policy means the same for ever or nothing.
interface IAttestationVerifier {
    /// @notice A selector leads to a verifier from now on.
    event RouteAdded(bytes4 indexed selector, address indexed verifier);
    /// @notice A selector is dead for ever.
    event RouteTombstoned(bytes4 indexed selector);

    /// @notice The selector has (or had) a route; routes are never replaced.
    error AttestationRouteTaken(bytes4 selector, RouteState state);
    /// @notice The selector does not lead to a verifier.
    error AttestationRouteUnusable(bytes4 selector, RouteState state);
    /// @notice A selector of zero, or a verifier without code.
    error AttestationRouteInvalid(bytes4 selector, address verifier);
    /// @notice The policy is empty, names a mode twice or has a gap.
    error AttestationPolicyMalformed(bytes32 policy);
    /// @notice The number of pieces of evidence is not the number of modes.
    error AttestationEvidenceCount(uint256 actual, uint256 expected);

    /// @notice Adds a route; restricted to governance, after its delay.
    function addRoute(bytes4 selector, IVerifier verifier) external;

    /// @notice Kills a route for ever; restricted to governance.
    function tombstoneRoute(bytes4 selector) external;

    /// @notice Reverts unless the policy is well-formed, all its routes are active and every mode accepts the terms.
    /// @param policy Up to eight selectors, left to right.
    /// @param versionId Model version that must answer.
    /// @param windowSeconds Challenge window.
    function requirePolicy(bytes32 policy, bytes32 versionId, uint32 windowSeconds) external view;

    /// @notice Whether the policy is well-formed and all its routes are active.
    function isLive(bytes32 policy) external view returns (bool);

    /// @notice Reverts unless every mode of the policy holds.
    /// @param policy Up to eight selectors, left to right.
    /// @param context What is claimed; its `mode` is overwritten with each selector in turn.
    /// @param evidence One piece for each mode, in the order of the policy.
    function verify(bytes32 policy, EvidenceContext calldata context, bytes[] calldata evidence) external view;

    /// @notice Verifier and state of a selector.
    function routeOf(bytes4 selector) external view returns (IVerifier verifier, RouteState state);
}
