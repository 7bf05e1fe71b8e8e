// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {QuoteReport} from "../types/Enclave.sol";

/// @title IQuoteVerifier
/// @notice Verifies quotes of Intel enclaves (DCAP): version 3 of SGX, 4 of TDX 1.0, 5 of TDX 1.0 and 1.5, with the PCK
/// chain inside (certification data of type 5).
/// @dev The measurement is keccak256 of the kind (one byte: 0 SGX, 1 TDX) and of these bytes of the report.
/// SGX: 32 to 48 (ISVEXTPRODID) and 64 to 320 (MRENCLAVE, MRSIGNER, CONFIGID, ISVPRODID, ISVSVN, CONFIGSVN, ISVFAMILYID).
/// TDX: 120 to 520 (attributes, XFAM, MRTD, MRCONFIGID, MROWNER, MROWNERCONFIG, RTMR0 to RTMR3).
/// Besides the errors here: those of ICollateralRegistry when collateral is missing, expired or revokes, DerMalformed and
/// PemMalformed of the PCK certificate.
interface IQuoteVerifier {
    /// @notice The quote ends before, or goes on behind, what must be at `offset`.
    error QuoteMalformed(uint256 offset);
    /// @notice Versions are 3, 4 and 5.
    error QuoteVersionUnsupported(uint16 version);
    /// @notice SGX has version 3, TDX 4 and 5.
    error QuoteTeeUnsupported(uint16 version, uint32 tee);
    /// @notice Attestation keys are of type 2, ECDSA on P-256.
    error QuoteKeyTypeUnsupported(uint16 keyType);
    /// @notice Quoting enclaves are Intel's.
    error QuoteVendorUnknown(bytes16 vendor);
    /// @notice A body of version 5 that is not a report of TDX 1.0 or 1.5.
    error QuoteBodyUnsupported(uint16 bodyType, uint32 size);
    /// @notice Certification data of another type.
    error QuoteCertificationUnsupported(uint16 actual, uint16 expected);
    /// @notice The PCK certificate has another issuer than its chain, or is not for what it does here.
    error PckCertificateUnsuited(uint256 serial);
    /// @notice The issuer's key did not sign the PCK certificate.
    error PckSignatureInvalid(uint256 serial);
    /// @notice The PCK certificate counts from `notBefore` to `notAfter`.
    error PckOutsideValidity(uint256 serial, uint40 notBefore, uint40 notAfter);
    /// @notice The PCK certificate's key did not sign the quoting enclave's report.
    error QeReportSignatureInvalid();
    /// @notice The quoting enclave did not report the attestation key.
    error QeBindingMismatch(bytes32 actual, bytes32 expected);
    /// @notice The quoting enclave is not the one that the identity names.
    error QeIdentityMismatch(bytes32 signer, uint16 productId);
    /// @notice MISCSELECT or ATTRIBUTES of the quoting enclave are not those of the identity.
    error QeAttributesMismatch(bytes4 miscSelect, bytes16 attributes);
    /// @notice The quoting enclave is older than every level.
    error QeLevelUnknown(uint16 isvSvn);
    /// @notice The attestation key did not sign the quote.
    error QuoteSignatureInvalid();
    /// @notice Attributes of the enclave: it can be debugged, or they are not those of a TD that is protected.
    error QuoteDebuggable(bytes16 attributes);
    /// @notice Attributes of the TD have reserved bits, lack SEPT_VE_DISABLE, or it has a service TD.
    error QuoteAttributesRefused(bytes8 attributes);
    /// @notice The TCB Info is for another provisioning certification enclave.
    error PceMismatch(bytes2 actual, bytes2 expected);
    /// @notice The platform is older than every level.
    error TcbLevelUnknown(bytes6 fmspc);
    /// @notice The TDX module is not one that the TCB Info names.
    error TdxModuleUnknown(uint8 version, uint8 isvSvn);
    /// @notice Signer or attributes of the TDX module are not those of the TCB Info.
    error TdxModuleMismatch(uint8 version, uint64 attributes);
    /// @notice The TCB of the platform, of the TDX module or of the quoting enclave is revoked.
    error TcbRevoked(bytes6 fmspc);

    /// @notice Verifies a quote with the collateral that counts now; reverts unless everything holds and nothing is
    /// revoked. A TCB that is out of date is reported: the caller judges the status.
    /// @param quote Quote as the platform gives it; zeros may follow.
    function verify(bytes calldata quote) external view returns (QuoteReport memory report);
}
