// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IProofVerifier} from "../interfaces/IERC8274.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {EvidenceContext} from "../types/Evidence.sol";
import {StatementContext} from "./StatementContext.sol";

/// @title InferenceProofVerifier
/// @notice A verifier of this suite as an `IProofVerifier` of ERC-8274 (draft 0.2).
/// @dev `inputHash` and `outputHash` are the roots of docs/tensor-machine.md section 5, `metadata` is the version id, and
/// `proof` is what the verifier takes as evidence for a context whose market is this contract and whose request is zero.
/// So a proof holds for everybody who asks about the same input and output, as the standard wants it of this layer.
contract InferenceProofVerifier is IProofVerifier, IERC165 {
    /// @notice Who checks.
    IVerifier public immutable VERIFIER;
    /// @notice Registry of the versions.
    IModelRegistry public immutable REGISTRY;
    /// @notice Gas that a check gets: enough for each evidence that holds.
    uint256 public immutable VERIFICATION_GAS;

    string private _proofSystem;

    /// @notice The metadata are not one version id.
    error ProofMetadataLength(uint256 actual, uint256 expected);
    /// @notice Not enough gas to know whether the proof holds.
    error ProofGasInsufficient(uint256 actual, uint256 expected);

    constructor(IVerifier verifier, IModelRegistry registry, string memory proofSystem_, uint256 verificationGas) {
        (VERIFIER, REGISTRY, VERIFICATION_GAS) = (verifier, registry, verificationGas);
        _proofSystem = proofSystem_;
    }

    /// @inheritdoc IProofVerifier
    function verify(
        bytes32 inputHash,
        bytes32 outputHash,
        bytes calldata metadata,
        bytes calldata proof
    ) external view returns (bool) {
        require(metadata.length == 32, ProofMetadataLength(metadata.length, 32));
        EvidenceContext memory context = StatementContext.statement(
            REGISTRY,
            0,
            bytes32(metadata),
            inputHash,
            outputHash
        );
        // A call passes on 63/64 of the gas. With less than the check needs, a proof that holds would look like none.
        uint256 wanted = (VERIFICATION_GAS * 64) / 63 + 10_000;
        require(gasleft() >= wanted, ProofGasInsufficient(gasleft(), wanted));
        // SAFETY: a static call.
        try VERIFIER.verify{gas: VERIFICATION_GAS}(context, proof) {
            return true;
        } catch {
            return false;
        }
    }

    /// @inheritdoc IProofVerifier
    function proofSystem() public view returns (string memory) {
        return _proofSystem;
    }

    /// @inheritdoc IProofVerifier
    function proofProfile() external view returns (bytes32) {
        bytes32 salt = keccak256(abi.encode(block.chainid, VERIFIER));
        return keccak256(abi.encodePacked(proofSystem(), salt));
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IProofVerifier).interfaceId || interfaceId == type(IERC165).interfaceId;
    }
}
