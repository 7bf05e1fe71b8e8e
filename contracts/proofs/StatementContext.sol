// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {EvidenceContext} from "../types/Evidence.sol";

/// @title StatementContext
/// @notice Contexts of answers outside a market: the contract that checks stands for the market, and nobody claims.
library StatementContext {
    /// @notice The context of a statement that the calling contract checks.
    /// @param registry Registry of the version.
    /// @param requestId What the statement answers there; zero for nothing.
    /// @param versionId Model version; it must exist.
    /// @param inputRoot Root of the input.
    /// @param outputRoot Root of the output.
    function statement(
        IModelRegistry registry,
        bytes32 requestId,
        bytes32 versionId,
        bytes32 inputRoot,
        bytes32 outputRoot
    ) internal view returns (EvidenceContext memory context) {
        (, context.numericsVersion, , ) = registry.termsOf(versionId);
        context.market = address(this);
        context.requestId = requestId;
        context.versionId = versionId;
        context.inputRoot = inputRoot;
        context.outputRoot = outputRoot;
    }
}
