// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IVerifier} from "../interfaces/IVerifier.sol";
import {EvidenceContext} from "../types/Evidence.sol";

/// @title OptimisticVerifier
/// @notice Evidence by recourse: an answer holds when nobody proves it wrong in a window long enough to be used.
contract OptimisticVerifier is IVerifier {
    /// @notice Least challenge window in seconds.
    uint32 public immutable MINIMUM_WINDOW;

    constructor(uint32 minimumWindow) {
        MINIMUM_WINDOW = minimumWindow;
    }

    /// @inheritdoc IVerifier
    function requireTerms(bytes32 versionId, uint32 windowSeconds) external view {
        require(windowSeconds >= MINIMUM_WINDOW, EvidenceTermsRefused(versionId, windowSeconds));
    }

    /// @inheritdoc IVerifier
    function verify(EvidenceContext calldata context, bytes calldata evidence) external view {
        require(
            evidence.length == 0 && context.windowSeconds >= MINIMUM_WINDOW,
            EvidenceRejected(context.mode, context.requestId)
        );
    }
}
