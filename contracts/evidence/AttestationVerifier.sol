// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IAttestationVerifier} from "../interfaces/IAttestationVerifier.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {EvidenceContext, RouteState} from "../types/Evidence.sol";

/// @title AttestationVerifier
/// @notice See IAttestationVerifier.
contract AttestationVerifier is IAttestationVerifier, AccessManaged {
    struct Route {
        IVerifier verifier;
        RouteState state;
    }

    /// @notice Most modes in a policy.
    uint256 public constant MAX_MODES = 8;

    mapping(bytes4 selector => Route route) private _routes;

    constructor(address authority) AccessManaged(authority) {}

    /// @inheritdoc IAttestationVerifier
    function addRoute(bytes4 selector, IVerifier verifier) external restricted {
        require(
            selector != 0 && address(verifier).code.length != 0,
            AttestationRouteInvalid(selector, address(verifier))
        );
        Route storage route = _routes[selector];
        require(route.state == RouteState.None, AttestationRouteTaken(selector, route.state));
        route.verifier = verifier;
        route.state = RouteState.Active;
        emit RouteAdded(selector, address(verifier));
    }

    /// @inheritdoc IAttestationVerifier
    function tombstoneRoute(bytes4 selector) external restricted {
        Route storage route = _routes[selector];
        require(route.state == RouteState.Active, AttestationRouteUnusable(selector, route.state));
        route.state = RouteState.Tombstoned;
        emit RouteTombstoned(selector);
    }

    /// @inheritdoc IAttestationVerifier
    function requirePolicy(bytes32 policy, bytes32 versionId, uint32 windowSeconds) external view {
        uint256 count = _countModes(policy);
        for (uint256 i; i < count; ++i) {
            _active(_modeAt(policy, i)).requireTerms(versionId, windowSeconds);
        }
    }

    /// @inheritdoc IAttestationVerifier
    function isLive(bytes32 policy) external view returns (bool) {
        uint256 count = _countModes(policy);
        for (uint256 i; i < count; ++i) {
            if (_routes[_modeAt(policy, i)].state != RouteState.Active) return false;
        }
        return true;
    }

    /// @inheritdoc IAttestationVerifier
    function verify(bytes32 policy, EvidenceContext calldata context, bytes[] calldata evidence) external view {
        uint256 count = _countModes(policy);
        require(evidence.length == count, AttestationEvidenceCount(evidence.length, count));
        EvidenceContext memory bound = context;
        for (uint256 i; i < count; ++i) {
            bytes4 mode = _modeAt(policy, i);
            bound.mode = mode;
            // SAFETY: a static call; a verifier that reverts, or has lost its code, stops the claim.
            _active(mode).verify(bound, evidence[i]);
        }
    }

    /// @inheritdoc IAttestationVerifier
    function routeOf(bytes4 selector) external view returns (IVerifier verifier, RouteState state) {
        return (_routes[selector].verifier, _routes[selector].state);
    }

    function _active(bytes4 selector) private view returns (IVerifier) {
        Route storage route = _routes[selector];
        require(route.state == RouteState.Active, AttestationRouteUnusable(selector, route.state));
        return route.verifier;
    }

    /// @dev Number of modes; reverts unless there is one, there is no gap and none is named twice.
    function _countModes(bytes32 policy) private pure returns (uint256 count) {
        while (count < MAX_MODES && _modeAt(policy, count) != 0) {
            for (uint256 i; i < count; ++i) {
                require(_modeAt(policy, i) != _modeAt(policy, count), AttestationPolicyMalformed(policy));
            }
            ++count;
        }
        require(
            count != 0 && (count == MAX_MODES || (policy << (count * 32)) == 0),
            AttestationPolicyMalformed(policy)
        );
    }

    function _modeAt(bytes32 policy, uint256 index) private pure returns (bytes4) {
        return bytes4(policy << (index * 32));
    }
}
