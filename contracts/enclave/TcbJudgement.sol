// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IQuoteVerifier} from "../interfaces/IQuoteVerifier.sol";
import {PlatformTcb, SvnLevel, TcbInfo, TcbLevel, TcbStatus, TdxModule} from "../types/Enclave.sol";

/// @title TcbJudgement
/// @notice From versions to a status, as Intel defines it for its provisioning certification service: the first level
/// whose every number the platform reaches.
library TcbJudgement {
    /// @notice The level of a platform.
    /// @dev For TDX: where the second byte of `teeTcbSvn` is not zero, it names the TDX module, whose own levels judge the
    /// first byte; both bytes are then left out here.
    function platformLevel(
        TcbInfo memory info,
        PlatformTcb memory tcb
    ) internal pure returns (TcbStatus status, uint64 advisories) {
        uint256 first = (tcb.tdx >> 112) & 0xff == 0 ? 0 : 2;
        for (uint256 i; i < info.levels.length; ++i) {
            TcbLevel memory level = info.levels[i];
            if (tcb.pceSvn >= level.pceSvn && _reaches(tcb.sgx, level.sgx, 0) && _reaches(tcb.tdx, level.tdx, first)) {
                return (level.status, level.advisories);
            }
        }
        revert IQuoteVerifier.TcbLevelUnknown(info.fmspc);
    }

    /// @notice The level of the TDX module.
    /// @param info TCB Info of TDX.
    /// @param tdx `teeTcbSvn`.
    /// @param signerHash keccak256 of the module's signer.
    /// @param attributes The module's attributes.
    function moduleLevel(
        TcbInfo memory info,
        uint128 tdx,
        bytes32 signerHash,
        uint64 attributes
    ) internal pure returns (TcbStatus status, uint64 advisories) {
        uint8 version = uint8(tdx >> 112);
        uint8 isvSvn = uint8(tdx >> 120);
        for (uint256 i; i < info.modules.length; ++i) {
            TdxModule memory module = info.modules[i];
            if (module.version != version) continue;
            require(
                signerHash == module.signerHash && attributes & module.attributesMask == module.attributes,
                IQuoteVerifier.TdxModuleMismatch(version, attributes)
            );
            // The module of TDX 1.0 has no levels of its own.
            if (version == 0) return (TcbStatus.UpToDate, 0);
            bool found;
            (found, status, advisories) = svnLevel(module.levels, isvSvn);
            require(found, IQuoteVerifier.TdxModuleUnknown(version, isvSvn));
            return (status, advisories);
        }
        revert IQuoteVerifier.TdxModuleUnknown(version, isvSvn);
    }

    /// @notice The first level that a version number reaches.
    function svnLevel(
        SvnLevel[] memory levels,
        uint16 isvSvn
    ) internal pure returns (bool found, TcbStatus status, uint64 advisories) {
        for (uint256 i; i < levels.length; ++i) {
            if (isvSvn >= levels[i].isvSvn) return (true, levels[i].status, levels[i].advisories);
        }
    }

    /// @notice The status of a platform with a part (quoting enclave, TDX module) of its own status.
    /// @dev Where both the platform needs another configuration and the part is out of date, both are said.
    function joined(TcbStatus platform, TcbStatus part) internal pure returns (TcbStatus) {
        bool configuration =
            platform == TcbStatus.ConfigurationNeeded || platform == TcbStatus.ConfigurationAndSWHardeningNeeded;
        if (configuration && part == TcbStatus.OutOfDate) return TcbStatus.OutOfDateConfigurationNeeded;
        return platform > part ? platform : part;
    }

    /// @dev Whether every byte of `actual` from `first` on is at least that of `least`.
    function _reaches(uint128 actual, uint128 least, uint256 first) private pure returns (bool) {
        for (uint256 i = first; i < 16; ++i) {
            uint256 shift = 8 * (15 - i);
            if ((actual >> shift) & 0xff < (least >> shift) & 0xff) return false;
        }
        return true;
    }
}
