// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice Kind of trusted execution environment.
enum Tee {
    Sgx,
    Tdx
}

/// @notice What Intel says about the TCB of a platform, from the best to the worst.
enum TcbStatus {
    UpToDate,
    SWHardeningNeeded,
    ConfigurationNeeded,
    ConfigurationAndSWHardeningNeeded,
    OutOfDate,
    OutOfDateConfigurationNeeded,
    Revoked
}

/// @notice Who signs below the root.
enum IssuerKind {
    None,
    ProcessorCa,
    PlatformCa,
    TcbSigning
}

/// @notice A kind of collateral, as errors name it.
enum Collateral {
    Issuer,
    RevocationList,
    TcbInfo,
    QeIdentity
}

/// @notice A point of P-256.
struct P256Key {
    bytes32 x;
    bytes32 y;
}

/// @notice A certificate.
/// @param serial Serial number.
/// @param issuer keccak256 of the issuer's name.
/// @param subject keccak256 of the subject's name.
/// @param notBefore First second of its validity.
/// @param notAfter Last second of its validity.
/// @param key Public key.
/// @param isCa Whether it may sign certificates: basic constraints.
/// @param keyUsage First byte of the key usage: 0x80 signatures, 0x04 certificates, 0x02 revocation lists.
/// @param sgxStart Where the content of Intel's extension starts; 0 when there is none.
/// @param sgxEnd Where it ends.
/// @param seal Hash and signature.
struct Certificate {
    uint256 serial;
    bytes32 issuer;
    bytes32 subject;
    uint40 notBefore;
    uint40 notAfter;
    P256Key key;
    bool isCa;
    uint8 keyUsage;
    uint256 sgxStart;
    uint256 sgxEnd;
    Seal seal;
}

/// @notice A revocation list.
/// @param issuer keccak256 of the issuer's name.
/// @param issuedAt When it was issued.
/// @param expiresAt When the next one comes.
/// @param serials Revoked serial numbers.
/// @param seal Hash and signature.
struct RevocationList {
    bytes32 issuer;
    uint40 issuedAt;
    uint40 expiresAt;
    uint256[] serials;
    Seal seal;
}

/// @notice What an issuer signed, and the signature.
struct Seal {
    bytes32 hash;
    bytes32 r;
    bytes32 s;
}

/// @notice A certificate that the root signed.
/// @param key Public key.
/// @param serial Serial number.
/// @param notBefore First second of its validity.
/// @param notAfter Last second of its validity.
/// @param kind What it may sign.
struct Issuer {
    P256Key key;
    uint256 serial;
    uint40 notBefore;
    uint40 notAfter;
    IssuerKind kind;
}

/// @notice Since when, until when and how new a document is.
/// @param issuedAt Issue date, in seconds.
/// @param expiresAt Date of the next update, in seconds: the last second at which it counts.
/// @param evaluation `tcbEvaluationDataNumber`; 0 for revocation lists.
struct Validity {
    uint40 issuedAt;
    uint40 expiresAt;
    uint32 evaluation;
}

/// @notice Security version numbers of a platform: what its certificate and its quote say.
/// @param sgx 16 components of one byte, the first in the highest byte.
/// @param tdx `teeTcbSvn` of the quote, in the same order; 0 for SGX.
/// @param pceSvn Version of the provisioning certification enclave.
struct PlatformTcb {
    uint128 sgx;
    uint128 tdx;
    uint16 pceSvn;
}

/// @notice A level of a TCB Info: what a platform must have at least.
/// @param sgx 16 components of one byte, the first in the highest byte.
/// @param pceSvn Version of the provisioning certification enclave.
/// @param status What the level says.
/// @param advisories Bit i: the document's advisory i applies.
/// @param tdx As `sgx`, for TDX; 0 for SGX.
struct TcbLevel {
    uint128 sgx;
    uint16 pceSvn;
    TcbStatus status;
    uint64 advisories;
    uint128 tdx;
}

/// @notice A level of a quoting enclave or of a TDX module.
/// @param isvSvn Least security version number.
/// @param status What the level says.
/// @param advisories Bit i: the document's advisory i applies.
struct SvnLevel {
    uint16 isvSvn;
    TcbStatus status;
    uint64 advisories;
}

/// @notice A TDX module that a TCB Info names.
/// @param version The number in its name `TDX_01`; 0 is the module of TDX 1.0, which has no name.
/// @param signerHash keccak256 of the 48 bytes of its signer.
/// @param attributes Attributes, where the mask has bits.
/// @param attributesMask Which attributes count.
/// @param levels Its levels, the best first.
struct TdxModule {
    uint8 version;
    bytes32 signerHash;
    uint64 attributes;
    uint64 attributesMask;
    SvnLevel[] levels;
}

/// @notice What a TCB Info says.
/// @param tee For which kind.
/// @param fmspc Family, model, stepping, platform type and custom SKU.
/// @param pceId Identity of the provisioning certification enclave.
/// @param validity When it counts.
/// @param levels Its levels, the best first.
/// @param modules TDX modules; none for SGX.
/// @param advisories Numbers of the advisories that levels name by their bits: 615 is INTEL-SA-00615.
struct TcbInfo {
    Tee tee;
    bytes6 fmspc;
    bytes2 pceId;
    Validity validity;
    TcbLevel[] levels;
    TdxModule[] modules;
    uint16[] advisories;
}

/// @notice What a QE identity says.
/// @param tee Whose quoting enclave: of SGX, or of TDX.
/// @param validity When it counts.
/// @param miscSelect MISCSELECT, where the mask has bits.
/// @param miscSelectMask Which bits count.
/// @param attributes ATTRIBUTES, where the mask has bits.
/// @param attributesMask Which bits count.
/// @param signer MRSIGNER.
/// @param productId ISVPRODID.
/// @param levels Its levels, the best first.
/// @param advisories Numbers of the advisories that levels name by their bits.
struct QeIdentity {
    Tee tee;
    Validity validity;
    bytes4 miscSelect;
    bytes4 miscSelectMask;
    bytes16 attributes;
    bytes16 attributesMask;
    bytes32 signer;
    uint16 productId;
    SvnLevel[] levels;
    uint16[] advisories;
}

/// @notice What a verified quote says.
/// @param tee Kind of enclave.
/// @param status The worst of platform, TDX module and quoting enclave.
/// @param expiresAt Last second at which everything that it was verified with counts.
/// @param fmspc Platform.
/// @param measurement What runs in it: see IQuoteVerifier.
/// @param reportData The 64 bytes that the enclave chose.
/// @param advisories Numbers of the advisories that apply.
struct QuoteReport {
    Tee tee;
    TcbStatus status;
    uint40 expiresAt;
    bytes6 fmspc;
    bytes32 measurement;
    bytes32[2] reportData;
    uint16[] advisories;
}

/// @notice A key of an enclave.
/// @param key Address of the key; zero when it was ended.
/// @param expiresAt Last second at which it counts.
/// @param measurement What runs in the enclave.
/// @param quoteHash keccak256 of the quote.
struct Enrolment {
    address key;
    uint40 expiresAt;
    bytes32 measurement;
    bytes32 quoteHash;
}
