// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IVerifier} from "../interfaces/IVerifier.sol";
import {EvidenceContext} from "../types/Evidence.sol";

/// @notice Accepts evidence that is the hash of exactly the context, and terms unless told otherwise.
contract VerifierMock is IVerifier {
    bool public refusing;

    function setRefusing(bool value) external {
        refusing = value;
    }

    function requireTerms(bytes32 versionId, uint32 windowSeconds) external view {
        require(!refusing, EvidenceTermsRefused(versionId, windowSeconds));
    }

    function verify(EvidenceContext calldata context, bytes calldata evidence) external pure {
        require(
            evidence.length == 32 && bytes32(evidence) == keccak256(abi.encode(context)),
            EvidenceRejected(context.mode, context.requestId)
        );
    }
}
