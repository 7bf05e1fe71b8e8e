// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IKeyRegistry} from "../interfaces/IOperatorStaking.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {EvidenceContext} from "../types/Evidence.sol";

/// @title SignatureVerifier
/// @notice Evidence by a registered key: an operator's signing key, or an enclave's when the registry is one of enclaves.
/// The signed type binds the whole context; the EIP-712 domain binds the chain and this contract.
contract SignatureVerifier is IVerifier, EIP712 {
    /// @notice The one statement that keys sign.
    bytes32 public constant ANSWER_TYPEHASH = keccak256(
        "Answer(address market,bytes32 requestId,bytes32 versionId,uint32 numericsVersion,bytes32 inputRoot,bytes32 outputRoot,address operator,bytes4 mode,uint40 deadline,uint32 windowSeconds)"
    );

    /// @notice Who holds which key.
    IKeyRegistry public immutable KEYS;

    constructor(IKeyRegistry keys) EIP712("Assay SignatureVerifier", "1") {
        KEYS = keys;
    }

    /// @inheritdoc IVerifier
    function requireTerms(bytes32, uint32) external pure {}

    /// @inheritdoc IVerifier
    function verify(EvidenceContext calldata context, bytes calldata evidence) external view {
        address key = KEYS.signingKeyAt(context.operator, uint40(block.timestamp));
        // SAFETY: a static call when the key is a contract (ERC-1271); no key at all fails closed.
        require(
            key != address(0) && SignatureChecker.isValidSignatureNowCalldata(key, digestOf(context), evidence),
            EvidenceRejected(context.mode, context.requestId)
        );
    }

    /// @notice What must be signed for a context.
    function digestOf(EvidenceContext calldata context) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ANSWER_TYPEHASH, context)));
    }
}
