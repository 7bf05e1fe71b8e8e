// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {Collateral, Issuer, IssuerKind, QeIdentity, TcbInfo, Tee} from "../types/Enclave.sol";

/// @title ICollateralRegistry
/// @notice What Intel says about its platforms, verified once and stored as facts: certificates below the root, revocation
/// lists, TCB Info and identities of quoting enclaves. Anyone submits; only a newer document replaces an older one.
/// @dev A chain is the text in PEM of a certificate and of the root certificate that signed it, as Intel's service sends
/// it and as quotes end with it; its identity is the keccak256 of that text without the line feed at its end. Errors of
/// the readers are DerMalformed, PemMalformed, JsonMalformed and those of CollateralReader.
interface ICollateralRegistry {
    /// @notice A certificate below the root was verified.
    event IssuerAdded(bytes32 indexed chain, IssuerKind kind, uint256 serial, uint40 notAfter);
    /// @notice A revocation list counts from now on; the root's has `chain` 0.
    event RevocationListUpdated(bytes32 indexed chain, uint40 issuedAt, uint40 expiresAt, uint256 revoked);
    /// @notice A serial number is revoked for ever.
    event SerialRevoked(bytes32 indexed chain, uint256 serial);
    /// @notice A TCB Info counts from now on.
    event TcbInfoUpdated(Tee indexed tee, bytes6 indexed fmspc, uint32 evaluation, uint40 issuedAt, uint40 expiresAt);
    /// @notice An identity of a quoting enclave counts from now on.
    event QeIdentityUpdated(Tee indexed tee, uint32 evaluation, uint40 issuedAt, uint40 expiresAt);

    /// @notice The root key is not a point of P-256.
    error CollateralRootInvalid(bytes32 x, bytes32 y);
    /// @notice The chain does not end with a certificate of the pinned root key.
    error CollateralRootUnknown(bytes32 x, bytes32 y);
    /// @notice Nobody submitted it: a chain, a TCB Info by its FMSPC, an identity by its kind.
    error CollateralMissing(Collateral collateral, bytes32 id);
    /// @notice It counts only until `expiresAt`.
    error CollateralExpired(Collateral collateral, bytes32 id, uint40 expiresAt);
    /// @notice It counts only from `startsAt`.
    error CollateralNotYetValid(Collateral collateral, bytes32 id, uint40 startsAt);
    /// @notice It is not newer than what is stored.
    error CollateralNotNewer(Collateral collateral, bytes32 id, uint40 issuedAt, uint40 storedIssuedAt);
    /// @notice The issuer's key did not sign it.
    error CollateralSignatureInvalid(Collateral collateral, bytes32 id);
    /// @notice The issuer is for something else.
    error CollateralIssuerUnsuited(bytes32 chain, IssuerKind actual);
    /// @notice A certificate of the chain is not what its place needs: name, use, or issuer.
    error CollateralCertificateUnsuited(uint256 serial);
    /// @notice The serial number is on the issuer's list.
    error CertificateRevoked(bytes32 chain, uint256 serial);

    /// @notice Adds a certificate that the root signed: of the processor CA, the platform CA or for signing TCB Info.
    /// @param chainText Chain in PEM.
    /// @return chain Its identity.
    function submitChain(bytes calldata chainText) external returns (bytes32 chain);

    /// @notice Updates the root's revocation list.
    /// @param list List in DER.
    function submitRootRevocationList(bytes calldata list) external;

    /// @notice Updates the revocation list of a CA.
    /// @param chain Chain of the CA.
    /// @param list List in DER.
    function submitRevocationList(bytes32 chain, bytes calldata list) external;

    /// @notice Updates the TCB Info of a platform.
    /// @param chain Chain of the key that signed.
    /// @param json Value of `tcbInfo`, exactly the signed bytes.
    /// @param r First half of the signature.
    /// @param s Second half of the signature.
    function submitTcbInfo(bytes32 chain, bytes calldata json, bytes32 r, bytes32 s) external;

    /// @notice Updates the identity of a quoting enclave.
    /// @param chain Chain of the key that signed.
    /// @param json Value of `enclaveIdentity`, exactly the signed bytes.
    /// @param r First half of the signature.
    /// @param s Second half of the signature.
    function submitQeIdentity(bytes32 chain, bytes calldata json, bytes32 r, bytes32 s) external;

    /// @notice A CA for PCK certificates that counts now.
    /// @return issuer The CA.
    /// @return expiresAt Until when it, its revocation list and the root's count.
    function pckIssuer(bytes32 chain) external view returns (Issuer memory issuer, uint40 expiresAt);

    /// @notice Whether a CA revoked a certificate; chain 0 is the root.
    function isRevoked(bytes32 chain, uint256 serial) external view returns (bool);

    /// @notice TCB Info that counts now.
    /// @return info What it says.
    /// @return expiresAt Until when it, who signed it and the root's revocation list count.
    function tcbInfo(Tee tee, bytes6 fmspc) external view returns (TcbInfo memory info, uint40 expiresAt);

    /// @notice Identity of a quoting enclave that counts now.
    /// @return identity What it says.
    /// @return expiresAt Until when it, who signed it and the root's revocation list count.
    function qeIdentity(Tee tee) external view returns (QeIdentity memory identity, uint40 expiresAt);
}
