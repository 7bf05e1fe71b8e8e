// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";

import {
    Certificate,
    QeIdentity,
    RevocationList,
    SvnLevel,
    TcbInfo,
    TcbLevel,
    TcbStatus,
    TdxModule,
    Tee,
    Validity
} from "../types/Enclave.sol";
import {ICollateralReader} from "../interfaces/ICollateralReader.sol";
import {Words} from "../machine/Words.sol";
import {Json} from "./Json.sol";
import {Pem} from "./Pem.sol";
import {X509} from "./X509.sol";

/// @title CollateralReader
/// @notice See ICollateralReader.
/// @dev A contract of its own because of its size; it has no state. Fields in any order, each once, none of those that
/// count missing; fields that do not count are walked over.
contract CollateralReader is ICollateralReader {
    using Memory for bytes;

    /// @dev A level's advisories are the bits of 64.
    uint256 private constant MAX_ADVISORIES = 64;
    uint256 private constant MAX_LEVELS = 64;
    uint256 private constant MAX_MODULES = 16;
    /// @dev How a component starts that says nothing but its number; most do.
    uint256 private constant SHORT_COMPONENT = uint56(bytes7('{"svn":'));

    /// @dev Fields of an object that were read.
    struct Fields {
        uint256 start;
        uint256 seen;
    }

    /// @dev The advisories of a document, while it is read.
    struct Advisories {
        uint16[] numbers;
        uint256 count;
    }

    /// @inheritdoc ICollateralReader
    function readChain(
        bytes calldata text
    ) external pure returns (Certificate memory certificate, Certificate memory root, bytes32 chain) {
        (Memory.Slice der, uint256 offset) = Pem.decode(text, 0);
        certificate = X509.readCertificate(der);
        require(offset < text.length && text[offset] == "\n", Pem.PemMalformed(offset));
        (der, offset) = Pem.decode(text, offset + 1);
        root = X509.readCertificate(der);
        // The line feed at the end is optional, and not part of the identity.
        require(offset == text.length || (offset + 1 == text.length && text[offset] == "\n"), Pem.PemMalformed(offset));
        chain = keccak256(text[:offset]);
    }

    /// @inheritdoc ICollateralReader
    function readRevocationList(bytes calldata der) external pure returns (RevocationList memory list) {
        bytes memory data = der;
        return X509.readRevocationList(data.asSlice());
    }

    /// @inheritdoc ICollateralReader
    function readTcbInfo(bytes calldata json) external pure returns (TcbInfo memory info) {
        Advisories memory advisories = Advisories(new uint16[](MAX_ADVISORIES), 0);
        Fields memory fields;
        bytes32 id;
        uint256 version;
        TdxModule memory unnamed;
        uint256 offset = Json.expect(json, 0, "{");
        for (bool more = true; more;) {
            bytes32 key;
            uint256 value;
            (key, offset) = Json.readKey(json, offset);
            if (key == "id") {
                _once(fields, 0);
                (id, offset) = Json.readWord(json, offset);
            } else if (key == "version") {
                _once(fields, 1);
                (version, offset) = Json.readUint(json, offset);
            } else if (key == "fmspc") {
                _once(fields, 2);
                (value, offset) = _readHexWord(json, offset, 6);
                info.fmspc = bytes6(uint48(value));
            } else if (key == "pceId") {
                _once(fields, 3);
                (value, offset) = _readHexWord(json, offset, 2);
                info.pceId = bytes2(uint16(value));
            } else if (key == "tcbType") {
                // Type 0 compares components one by one.
                _once(fields, 4);
                (, offset) = Json.readUpTo(json, offset, 0);
            } else if (key == "tcbLevels") {
                _once(fields, 5);
                (info.levels, offset) = _readTcbLevels(json, offset, advisories);
            } else if (key == "tdxModule") {
                _once(fields, 6);
                (unnamed, offset) = _readModule(json, offset, advisories, false);
            } else if (key == "tdxModuleIdentities") {
                _once(fields, 7);
                (info.modules, offset) = _readModules(json, offset, advisories);
            } else {
                offset = _readValidity(json, key, offset, info.validity, fields);
            }
            (more, offset) = Json.readMore(json, offset, "}");
        }
        info.tee = id == "TDX" ? Tee.Tdx : Tee.Sgx;
        require((id == "SGX" || id == "TDX") && version == 3, CollateralFormatUnknown(id, version));
        bool isTdx = info.tee == Tee.Tdx;
        // The identities of modules came after the first TDX platforms: they may be absent.
        _complete(fields, json.length, 0x3f | (isTdx ? 0x40 : 0), isTdx ? 0x80 : 0);
        require(offset == json.length, Json.JsonMalformed(offset));
        if (isTdx) {
            if (info.modules.length == 0) info.modules = new TdxModule[](1);
            info.modules[0] = unnamed;
        }
        info.advisories = _advisories(advisories);
    }

    /// @inheritdoc ICollateralReader
    function readQeIdentity(bytes calldata json) external pure returns (QeIdentity memory identity) {
        Advisories memory advisories = Advisories(new uint16[](MAX_ADVISORIES), 0);
        Fields memory fields;
        bytes32 id;
        uint256 version;
        uint256 offset = Json.expect(json, 0, "{");
        for (bool more = true; more;) {
            bytes32 key;
            uint256 value;
            (key, offset) = Json.readKey(json, offset);
            if (key == "id") {
                _once(fields, 0);
                (id, offset) = Json.readWord(json, offset);
            } else if (key == "version") {
                _once(fields, 1);
                (version, offset) = Json.readUint(json, offset);
            } else if (key == "miscselect") {
                _once(fields, 2);
                (value, offset) = _readHexWord(json, offset, 4);
                identity.miscSelect = bytes4(uint32(value));
            } else if (key == "miscselectMask") {
                _once(fields, 3);
                (value, offset) = _readHexWord(json, offset, 4);
                identity.miscSelectMask = bytes4(uint32(value));
            } else if (key == "attributes") {
                _once(fields, 4);
                (value, offset) = _readHexWord(json, offset, 16);
                identity.attributes = bytes16(uint128(value));
            } else if (key == "attributesMask") {
                _once(fields, 5);
                (value, offset) = _readHexWord(json, offset, 16);
                identity.attributesMask = bytes16(uint128(value));
            } else if (key == "mrsigner") {
                _once(fields, 6);
                (value, offset) = _readHexWord(json, offset, 32);
                identity.signer = bytes32(value);
            } else if (key == "isvprodid") {
                _once(fields, 7);
                (value, offset) = Json.readUpTo(json, offset, type(uint16).max);
                identity.productId = uint16(value);
            } else if (key == "tcbLevels") {
                _once(fields, 8);
                (identity.levels, offset) = _readSvnLevels(json, offset, advisories);
            } else {
                offset = _readValidity(json, key, offset, identity.validity, fields);
            }
            (more, offset) = Json.readMore(json, offset, "}");
        }
        require((id == "QE" || id == "TD_QE") && version == 2, CollateralFormatUnknown(id, version));
        identity.tee = id == "TD_QE" ? Tee.Tdx : Tee.Sgx;
        _complete(fields, json.length, 0x1ff, 0);
        require(offset == json.length, Json.JsonMalformed(offset));
        identity.advisories = _advisories(advisories);
    }

    /// @dev Fields that both documents have; walks over all others.
    function _readValidity(
        bytes calldata json,
        bytes32 key,
        uint256 offset,
        Validity memory validity,
        Fields memory fields
    ) private pure returns (uint256 next) {
        if (key == "issueDate") {
            _once(fields, 16);
            (validity.issuedAt, next) = Json.readTime(json, offset);
        } else if (key == "nextUpdate") {
            _once(fields, 17);
            (validity.expiresAt, next) = Json.readTime(json, offset);
        } else if (key == "tcbEvaluationDataNumber") {
            _once(fields, 18);
            uint256 value;
            (value, next) = Json.readUpTo(json, offset, type(uint32).max);
            validity.evaluation = uint32(value);
        } else {
            next = Json.skip(json, offset);
        }
    }

    function _readTcbLevels(
        bytes calldata json,
        uint256 offset,
        Advisories memory advisories
    ) private pure returns (TcbLevel[] memory levels, uint256 next) {
        TcbLevel[] memory longest = new TcbLevel[](MAX_LEVELS);
        next = Json.expect(json, offset, "[");
        uint256 count;
        for (bool more = true; more; ++count) {
            require(count < MAX_LEVELS, CollateralTooLarge(next));
            (longest[count], next) = _readTcbLevel(json, next, advisories);
            (more, next) = Json.readMore(json, next, "]");
        }
        levels = new TcbLevel[](count);
        for (uint256 i; i < count; ++i) levels[i] = longest[i];
    }

    function _readTcbLevel(
        bytes calldata json,
        uint256 offset,
        Advisories memory advisories
    ) private pure returns (TcbLevel memory level, uint256 next) {
        Fields memory fields;
        fields.start = offset;
        next = Json.expect(json, offset, "{");
        for (bool more = true; more;) {
            bytes32 key;
            (key, next) = Json.readKey(json, next);
            if (key == "tcb") {
                _once(fields, 0);
                next = _readTcb(json, next, level);
            } else {
                (level.status, level.advisories, next) = _readVerdict(
                    json,
                    key,
                    next,
                    fields,
                    advisories,
                    level.status,
                    level.advisories
                );
            }
            (more, next) = Json.readMore(json, next, "}");
        }
        _completeLevel(fields);
    }

    function _readTcb(bytes calldata json, uint256 offset, TcbLevel memory level) private pure returns (uint256 next) {
        Fields memory fields;
        fields.start = offset;
        next = Json.expect(json, offset, "{");
        for (bool more = true; more;) {
            bytes32 key;
            uint256 value;
            (key, next) = Json.readKey(json, next);
            if (key == "sgxtcbcomponents") {
                _once(fields, 0);
                (level.sgx, next) = _readComponents(json, next);
            } else if (key == "pcesvn") {
                _once(fields, 1);
                (value, next) = Json.readUpTo(json, next, type(uint16).max);
                level.pceSvn = uint16(value);
            } else if (key == "tdxtcbcomponents") {
                _once(fields, 2);
                (level.tdx, next) = _readComponents(json, next);
            } else {
                next = Json.skip(json, next);
            }
            (more, next) = Json.readMore(json, next, "}");
        }
        require(fields.seen & 3 == 3, CollateralFieldsIncomplete(offset));
    }

    /// @dev 16 objects with a field `svn`.
    function _readComponents(
        bytes calldata json,
        uint256 offset
    ) private pure returns (uint128 components, uint256 next) {
        next = Json.expect(json, offset, "[");
        for (uint256 i; i < 16; ++i) {
            uint256 start = next;
            uint256 value;
            if (Words.loadCalldata(Words.positionOf(json) + next) >> 200 == SHORT_COMPONENT) {
                (value, next) = Json.readUpTo(json, next + 7, type(uint8).max);
                if (next < json.length && json[next] == "}") {
                    components = (components << 8) | uint128(value);
                    next = Json.expect(json, next + 1, i == 15 ? bytes1("]") : bytes1(","));
                    continue;
                }
                next = start;
            }
            uint256 seen;
            next = Json.expect(json, next, "{");
            for (bool more = true; more;) {
                bytes32 key;
                (key, next) = Json.readKey(json, next);
                if (key == "svn") {
                    ++seen;
                    (value, next) = Json.readUpTo(json, next, type(uint8).max);
                    components = (components << 8) | uint128(value);
                } else {
                    next = Json.skip(json, next);
                }
                (more, next) = Json.readMore(json, next, "}");
            }
            require(seen == 1, CollateralFieldsIncomplete(start));
            next = Json.expect(json, next, i == 15 ? bytes1("]") : bytes1(","));
        }
    }

    function _readSvnLevels(
        bytes calldata json,
        uint256 offset,
        Advisories memory advisories
    ) private pure returns (SvnLevel[] memory levels, uint256 next) {
        SvnLevel[] memory longest = new SvnLevel[](MAX_LEVELS);
        next = Json.expect(json, offset, "[");
        uint256 count;
        for (bool more = true; more; ++count) {
            require(count < MAX_LEVELS, CollateralTooLarge(next));
            (longest[count], next) = _readSvnLevel(json, next, advisories);
            (more, next) = Json.readMore(json, next, "]");
        }
        levels = new SvnLevel[](count);
        for (uint256 i; i < count; ++i) levels[i] = longest[i];
    }

    function _readSvnLevel(
        bytes calldata json,
        uint256 offset,
        Advisories memory advisories
    ) private pure returns (SvnLevel memory level, uint256 next) {
        Fields memory fields;
        fields.start = offset;
        next = Json.expect(json, offset, "{");
        for (bool more = true; more;) {
            bytes32 key;
            (key, next) = Json.readKey(json, next);
            if (key == "tcb") {
                _once(fields, 0);
                // An object with one field.
                next = Json.expect(json, next, "{");
                (key, next) = Json.readKey(json, next);
                require(key == "isvsvn", Json.JsonMalformed(next));
                uint256 value;
                (value, next) = Json.readUpTo(json, next, type(uint16).max);
                level.isvSvn = uint16(value);
                next = Json.expect(json, next, "}");
            } else {
                (level.status, level.advisories, next) = _readVerdict(
                    json,
                    key,
                    next,
                    fields,
                    advisories,
                    level.status,
                    level.advisories
                );
            }
            (more, next) = Json.readMore(json, next, "}");
        }
        _completeLevel(fields);
    }

    function _readModules(
        bytes calldata json,
        uint256 offset,
        Advisories memory advisories
    ) private pure returns (TdxModule[] memory modules, uint256 next) {
        // The first place is for the module without a name.
        TdxModule[] memory longest = new TdxModule[](MAX_MODULES + 1);
        next = Json.expect(json, offset, "[");
        uint256 count = 1;
        for (bool more = true; more; ++count) {
            require(count <= MAX_MODULES, CollateralTooLarge(next));
            (longest[count], next) = _readModule(json, next, advisories, true);
            (more, next) = Json.readMore(json, next, "]");
        }
        modules = new TdxModule[](count);
        for (uint256 i; i < count; ++i) modules[i] = longest[i];
    }

    function _readModule(
        bytes calldata json,
        uint256 offset,
        Advisories memory advisories,
        bool isNamed
    ) private pure returns (TdxModule memory module, uint256 next) {
        Fields memory fields;
        fields.start = offset;
        next = Json.expect(json, offset, "{");
        for (bool more = true; more;) {
            bytes32 key;
            uint256 value;
            bytes memory signer;
            (key, next) = Json.readKey(json, next);
            if (key == "mrsigner") {
                _once(fields, 0);
                (signer, next) = Json.readHex(json, next, 48);
                module.signerHash = keccak256(signer);
            } else if (key == "attributes") {
                _once(fields, 1);
                (value, next) = _readHexWord(json, next, 8);
                module.attributes = uint64(value);
            } else if (key == "attributesMask") {
                _once(fields, 2);
                (value, next) = _readHexWord(json, next, 8);
                module.attributesMask = uint64(value);
            } else if (key == "id" && isNamed) {
                _once(fields, 3);
                (module.version, next) = _readModuleName(json, next);
            } else if (key == "tcbLevels" && isNamed) {
                _once(fields, 4);
                (module.levels, next) = _readSvnLevels(json, next, advisories);
            } else {
                next = Json.skip(json, next);
            }
            (more, next) = Json.readMore(json, next, "}");
        }
        uint256 needed = isNamed ? 0x1f : 0x07;
        require(fields.seen == needed, CollateralFieldsIncomplete(offset));
    }

    /// @dev `"TDX_"` and two hexadecimal digits, not both zero.
    function _readModuleName(bytes calldata json, uint256 offset) private pure returns (uint8 version, uint256 next) {
        bytes32 word;
        (word, next) = Json.readWord(json, offset);
        require(next - offset == 8 && bytes4(word) == "TDX_", Json.JsonMalformed(offset));
        uint256 high = _hexDigit(uint8(word[4]), offset);
        version = uint8((high << 4) | _hexDigit(uint8(word[5]), offset));
        require(version != 0, Json.JsonMalformed(offset));
    }

    function _hexDigit(uint256 character, uint256 offset) private pure returns (uint256) {
        if (character >= 0x30 && character <= 0x39) return character - 0x30;
        character |= 0x20;
        require(character >= 0x61 && character <= 0x66, Json.JsonMalformed(offset));
        return character - 0x57;
    }

    /// @dev Status and advisories of a level; walks over all other fields.
    function _readVerdict(
        bytes calldata json,
        bytes32 key,
        uint256 offset,
        Fields memory fields,
        Advisories memory advisories,
        TcbStatus statusBefore,
        uint64 bitsBefore
    ) private pure returns (TcbStatus status, uint64 bits, uint256 next) {
        (status, bits) = (statusBefore, bitsBefore);
        if (key == "tcbStatus") {
            _once(fields, 1);
            next = Json.readString(json, offset);
            status = _status(keccak256(json[offset + 1:next - 1]), offset);
        } else if (key == "advisoryIDs") {
            _once(fields, 2);
            (bits, next) = _readAdvisories(json, offset, advisories);
        } else {
            next = Json.skip(json, offset);
        }
    }

    function _status(bytes32 hash, uint256 offset) private pure returns (TcbStatus) {
        if (hash == keccak256("UpToDate")) return TcbStatus.UpToDate;
        if (hash == keccak256("SWHardeningNeeded")) return TcbStatus.SWHardeningNeeded;
        if (hash == keccak256("ConfigurationNeeded")) return TcbStatus.ConfigurationNeeded;
        if (hash == keccak256("ConfigurationAndSWHardeningNeeded")) return TcbStatus.ConfigurationAndSWHardeningNeeded;
        if (hash == keccak256("OutOfDate")) return TcbStatus.OutOfDate;
        if (hash == keccak256("OutOfDateConfigurationNeeded")) return TcbStatus.OutOfDateConfigurationNeeded;
        require(hash == keccak256("Revoked"), CollateralStatusUnknown(offset));
        return TcbStatus.Revoked;
    }

    /// @dev A list of strings `INTEL-SA-00615`, as bits of the document's list of numbers, which may grow.
    function _readAdvisories(
        bytes calldata json,
        uint256 offset,
        Advisories memory advisories
    ) private pure returns (uint64 bits, uint256 next) {
        next = Json.expect(json, offset, "[");
        require(next < json.length, Json.JsonMalformed(next));
        if (json[next] == "]") return (0, next + 1);
        for (bool more = true; more;) {
            bytes32 word;
            uint256 start = next;
            (word, next) = Json.readWord(json, next);
            require(next - start == 16 && bytes9(word) == "INTEL-SA-", Json.JsonMalformed(start));
            uint256 number;
            for (uint256 i = 9; i < 14; ++i) {
                uint256 digit = uint8(word[i]) ^ 0x30;
                require(digit < 10, Json.JsonMalformed(start));
                number = number * 10 + digit;
            }
            require(number <= type(uint16).max, Json.JsonMalformed(start));
            uint256 place;
            while (place < advisories.count && advisories.numbers[place] != number) ++place;
            require(place < MAX_ADVISORIES, CollateralTooLarge(start));
            if (place == advisories.count) {
                advisories.numbers[place] = uint16(number);
                ++advisories.count;
            }
            bits |= uint64(1 << place);
            (more, next) = Json.readMore(json, next, "]");
        }
    }

    /// @dev A string of `count` bytes in hexadecimal, at most 32, in the lowest places.
    function _readHexWord(
        bytes calldata json,
        uint256 offset,
        uint256 count
    ) private pure returns (uint256, uint256 next) {
        bytes memory value;
        (value, next) = Json.readHex(json, offset, count);
        return (uint256(bytes32(value)) >> (256 - 8 * count), next);
    }

    function _once(Fields memory fields, uint256 field) private pure {
        require(fields.seen & (1 << field) == 0, CollateralFieldsIncomplete(fields.start));
        fields.seen |= 1 << field;
    }

    /// @dev All of `needed` and of the validity were read, and nothing else but `allowed`.
    function _complete(Fields memory fields, uint256 end, uint256 needed, uint256 allowed) private pure {
        needed |= 0x70000;
        require(
            fields.seen & needed == needed && fields.seen & ~(needed | allowed) == 0,
            CollateralFieldsIncomplete(end)
        );
    }

    /// @dev Minimum and status; advisories may be absent.
    function _completeLevel(Fields memory fields) private pure {
        require(fields.seen & 3 == 3, CollateralFieldsIncomplete(fields.start));
    }

    function _advisories(Advisories memory advisories) private pure returns (uint16[] memory numbers) {
        numbers = new uint16[](advisories.count);
        for (uint256 i; i < numbers.length; ++i) numbers[i] = advisories.numbers[i];
    }
}
