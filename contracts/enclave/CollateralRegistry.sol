// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

import {ICollateralReader} from "../interfaces/ICollateralReader.sol";
import {ICollateralRegistry} from "../interfaces/ICollateralRegistry.sol";
import {
    Certificate,
    Collateral,
    Issuer,
    IssuerKind,
    P256Key,
    QeIdentity,
    RevocationList,
    Seal,
    TcbInfo,
    Tee,
    Validity
} from "../types/Enclave.sol";
import {IntelNames} from "./IntelNames.sol";
import {P256Signature} from "./P256Signature.sol";

/// @title CollateralRegistry
/// @notice See ICollateralRegistry.
/// @dev Nobody has a role here. What expires stops counting by itself. A serial number that was on a list once stays
/// revoked: a list of Intel's never takes one back before the certificate expires, and who reads it costs one word.
contract CollateralRegistry is ICollateralRegistry {
    /// @dev Key usage: certificates; signatures.
    uint8 private constant SIGNS_CERTIFICATES = 0x04;
    uint8 private constant SIGNS_DATA = 0x80;

    /// @notice Root key, pinned.
    bytes32 public immutable ROOT_X;
    /// @notice Root key, pinned.
    bytes32 public immutable ROOT_Y;

    /// @notice Reads TCB Info and identities.
    ICollateralReader public immutable READER;

    /// @dev Chains of the signers of the documents.
    mapping(Tee tee => mapping(bytes6 fmspc => bytes32 chain)) private _tcbSigners;
    mapping(Tee tee => bytes32 chain) private _qeSigners;
    mapping(Tee tee => mapping(bytes6 fmspc => TcbInfo info)) private _tcbInfos;
    mapping(Tee tee => QeIdentity identity) private _qeIdentities;
    mapping(bytes32 chain => Issuer issuer) private _issuers;
    /// @dev Revocation lists; the root's has chain 0.
    mapping(bytes32 chain => Validity validity) private _lists;
    mapping(bytes32 chain => mapping(uint256 serial => bool revoked)) private _revoked;

    /// @param root Public key of the root: Intel's, except in tests.
    /// @param reader Reads the documents in JSON.
    constructor(P256Key memory root, ICollateralReader reader) {
        require(P256.isValidPublicKey(root.x, root.y), CollateralRootInvalid(root.x, root.y));
        ROOT_X = root.x;
        ROOT_Y = root.y;
        READER = reader;
    }

    /// @inheritdoc ICollateralRegistry
    function submitChain(bytes calldata chainText) external returns (bytes32 chain) {
        Certificate memory certificate;
        Certificate memory root;
        (certificate, root, chain) = READER.readChain(chainText);
        P256Key memory rootKey = _rootKey();
        require(root.key.x == rootKey.x && root.key.y == rootKey.y, CollateralRootUnknown(root.key.x, root.key.y));
        require(
            root.subject == IntelNames.ROOT && root.issuer == IntelNames.ROOT && root.isCa,
            CollateralCertificateUnsuited(root.serial)
        );
        require(_isSignedBy(root.seal, rootKey), CollateralSignatureInvalid(Collateral.Issuer, chain));
        require(_isSignedBy(certificate.seal, rootKey), CollateralSignatureInvalid(Collateral.Issuer, chain));
        IssuerKind kind = _kind(certificate);
        Issuer memory issuer = Issuer(
            certificate.key,
            certificate.serial,
            certificate.notBefore > root.notBefore ? certificate.notBefore : root.notBefore,
            _min(certificate.notAfter, root.notAfter),
            kind
        );
        _requireInTime(Collateral.Issuer, chain, issuer.notBefore, issuer.notAfter);
        _issuers[chain] = issuer;
        emit IssuerAdded(chain, kind, issuer.serial, issuer.notAfter);
    }

    /// @inheritdoc ICollateralRegistry
    function submitRootRevocationList(bytes calldata list) external {
        _submitList(0, list, _rootKey(), IntelNames.ROOT);
    }

    /// @inheritdoc ICollateralRegistry
    function submitRevocationList(bytes32 chain, bytes calldata list) external {
        (Issuer memory issuer, ) = _issuer(chain);
        bytes32 name = IntelNames.PROCESSOR_CA;
        if (issuer.kind != IssuerKind.ProcessorCa) {
            require(issuer.kind == IssuerKind.PlatformCa, CollateralIssuerUnsuited(chain, issuer.kind));
            name = IntelNames.PLATFORM_CA;
        }
        _submitList(chain, list, issuer.key, name);
    }

    /// @inheritdoc ICollateralRegistry
    function submitTcbInfo(bytes32 chain, bytes calldata json, bytes32 r, bytes32 s) external {
        _requireSigned(Collateral.TcbInfo, chain, json, r, s);
        TcbInfo memory info = READER.readTcbInfo(json);
        TcbInfo storage stored = _tcbInfos[info.tee][info.fmspc];
        _requireNewer(Collateral.TcbInfo, info.fmspc, info.validity, stored.validity);
        _tcbInfos[info.tee][info.fmspc] = info;
        _tcbSigners[info.tee][info.fmspc] = chain;
        emit TcbInfoUpdated(
            info.tee,
            info.fmspc,
            info.validity.evaluation,
            info.validity.issuedAt,
            info.validity.expiresAt
        );
    }

    /// @inheritdoc ICollateralRegistry
    function submitQeIdentity(bytes32 chain, bytes calldata json, bytes32 r, bytes32 s) external {
        _requireSigned(Collateral.QeIdentity, chain, json, r, s);
        QeIdentity memory identity = READER.readQeIdentity(json);
        _requireNewer(
            Collateral.QeIdentity,
            _qeId(identity.tee),
            identity.validity,
            _qeIdentities[identity.tee].validity
        );
        _qeIdentities[identity.tee] = identity;
        _qeSigners[identity.tee] = chain;
        emit QeIdentityUpdated(
            identity.tee,
            identity.validity.evaluation,
            identity.validity.issuedAt,
            identity.validity.expiresAt
        );
    }

    /// @inheritdoc ICollateralRegistry
    function pckIssuer(bytes32 chain) external view returns (Issuer memory issuer, uint40 expiresAt) {
        (issuer, expiresAt) = _issuer(chain);
        require(
            issuer.kind == IssuerKind.PlatformCa || issuer.kind == IssuerKind.ProcessorCa,
            CollateralIssuerUnsuited(chain, issuer.kind)
        );
        expiresAt = _min(expiresAt, _listExpiry(chain));
    }

    /// @inheritdoc ICollateralRegistry
    function isRevoked(bytes32 chain, uint256 serial) external view returns (bool) {
        return _revoked[chain][serial];
    }

    /// @inheritdoc ICollateralRegistry
    function tcbInfo(Tee tee, bytes6 fmspc) external view returns (TcbInfo memory info, uint40 expiresAt) {
        info = _tcbInfos[tee][fmspc];
        expiresAt = _documentExpiry(Collateral.TcbInfo, fmspc, info.validity, _tcbSigners[tee][fmspc]);
    }

    /// @inheritdoc ICollateralRegistry
    function qeIdentity(Tee tee) external view returns (QeIdentity memory identity, uint40 expiresAt) {
        identity = _qeIdentities[tee];
        expiresAt = _documentExpiry(Collateral.QeIdentity, _qeId(tee), identity.validity, _qeSigners[tee]);
    }

    function _submitList(bytes32 chain, bytes calldata data, P256Key memory key, bytes32 name) private {
        RevocationList memory list = READER.readRevocationList(data);
        require(
            list.issuer == name && _isSignedBy(list.seal, key),
            CollateralSignatureInvalid(Collateral.RevocationList, chain)
        );
        Validity memory validity = Validity(list.issuedAt, list.expiresAt, 0);
        _requireNewer(Collateral.RevocationList, chain, validity, _lists[chain]);
        _lists[chain] = validity;
        for (uint256 i; i < list.serials.length; ++i) {
            uint256 serial = list.serials[i];
            if (_revoked[chain][serial]) continue;
            _revoked[chain][serial] = true;
            emit SerialRevoked(chain, serial);
        }
        emit RevocationListUpdated(chain, list.issuedAt, list.expiresAt, list.serials.length);
    }

    /// @dev Reverts unless the document counts now and is newer than the stored one: by its evaluation number, then by
    /// its date.
    function _requireNewer(
        Collateral collateral,
        bytes32 id,
        Validity memory validity,
        Validity memory stored
    ) private view {
        _requireInTime(collateral, id, validity.issuedAt, validity.expiresAt);
        require(
            validity.evaluation > stored.evaluation ||
                (validity.evaluation == stored.evaluation && validity.issuedAt > stored.issuedAt),
            CollateralNotNewer(collateral, id, validity.issuedAt, stored.issuedAt)
        );
    }

    function _requireSigned(
        Collateral collateral,
        bytes32 chain,
        bytes calldata json,
        bytes32 r,
        bytes32 s
    ) private view {
        (Issuer memory issuer, ) = _issuer(chain);
        require(issuer.kind == IssuerKind.TcbSigning, CollateralIssuerUnsuited(chain, issuer.kind));
        require(P256Signature.isValid(sha256(json), r, s, issuer.key), CollateralSignatureInvalid(collateral, chain));
    }

    /// @dev An issuer that counts now by its dates and by the root's list, and until when.
    function _issuer(bytes32 chain) private view returns (Issuer memory issuer, uint40 expiresAt) {
        issuer = _issuers[chain];
        require(issuer.kind != IssuerKind.None, CollateralMissing(Collateral.Issuer, chain));
        _requireInTime(Collateral.Issuer, chain, issuer.notBefore, issuer.notAfter);
        require(!_revoked[0][issuer.serial], CertificateRevoked(0, issuer.serial));
        expiresAt = _min(issuer.notAfter, _listExpiry(0));
    }

    /// @dev Until when a revocation list counts; reverts unless it counts now.
    function _listExpiry(bytes32 chain) private view returns (uint40) {
        return _expiry(Collateral.RevocationList, chain, _lists[chain]);
    }

    function _documentExpiry(
        Collateral collateral,
        bytes32 id,
        Validity memory validity,
        bytes32 chain
    ) private view returns (uint40 expiresAt) {
        expiresAt = _expiry(collateral, id, validity);
        (, uint40 issuerExpiresAt) = _issuer(chain);
        return _min(expiresAt, issuerExpiresAt);
    }

    function _expiry(Collateral collateral, bytes32 id, Validity memory validity) private view returns (uint40) {
        require(validity.expiresAt != 0, CollateralMissing(collateral, id));
        require(block.timestamp <= validity.expiresAt, CollateralExpired(collateral, id, validity.expiresAt));
        return validity.expiresAt;
    }

    function _requireInTime(Collateral collateral, bytes32 id, uint40 startsAt, uint40 expiresAt) private view {
        require(block.timestamp >= startsAt, CollateralNotYetValid(collateral, id, startsAt));
        require(block.timestamp <= expiresAt, CollateralExpired(collateral, id, expiresAt));
    }

    function _isSignedBy(Seal memory seal, P256Key memory key) private view returns (bool) {
        return P256Signature.isValid(seal.hash, seal.r, seal.s, key);
    }

    function _rootKey() private view returns (P256Key memory) {
        return P256Key(ROOT_X, ROOT_Y);
    }

    /// @dev What a certificate that the root signed is for: its name says it, and its use must fit.
    function _kind(Certificate memory certificate) private pure returns (IssuerKind kind) {
        bytes32 name = certificate.subject;
        if (name == IntelNames.PROCESSOR_CA) kind = IssuerKind.ProcessorCa;
        else if (name == IntelNames.PLATFORM_CA) kind = IssuerKind.PlatformCa;
        else if (name == IntelNames.TCB_SIGNING) kind = IssuerKind.TcbSigning;
        bool isCa = kind != IssuerKind.TcbSigning;
        require(
            kind != IssuerKind.None &&
                certificate.issuer == IntelNames.ROOT &&
                certificate.isCa == isCa &&
                certificate.keyUsage & (isCa ? SIGNS_CERTIFICATES : SIGNS_DATA) != 0,
            CollateralCertificateUnsuited(certificate.serial)
        );
    }

    function _qeId(Tee tee) private pure returns (bytes32) {
        return tee == Tee.Tdx ? bytes32("TD_QE") : bytes32("QE");
    }

    function _min(uint40 a, uint40 b) private pure returns (uint40) {
        return a < b ? a : b;
    }
}
