// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {CreditLedger} from "../credit/CreditLedger.sol";
import {PrepaidLedger} from "../credit/PrepaidLedger.sol";
import {ICreditLedger} from "../interfaces/ICreditLedger.sol";
import {IDataAvailability} from "../interfaces/IDataAvailability.sol";
import {IDataSource} from "../interfaces/IDataSource.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {CommittedData, DataKind} from "../types/Availability.sol";
import {Segment} from "../types/Witness.sol";

/// @title DataAvailability
/// @notice See IDataAvailability.
/// @dev Sources need no leave: a demand concerns the money of its demander and of who answers, and nobody else's. At any time
/// balance >= credits + bonds of demands that are neither answered nor returned.
contract DataAvailability is IDataAvailability, PrepaidLedger, ReentrancyGuardTransient {
    /// @dev One word of storage.
    struct Demand {
        address demander;
        uint40 answerUntil;
        bool shown;
        bool returned;
    }

    /// @notice Time to show an input: the request waits meanwhile.
    uint40 public constant INPUT_SECONDS = 1 hours;
    /// @notice Time to show an output: an operator that cannot is convicted.
    uint40 public constant OUTPUT_SECONDS = 12 hours;

    /// @notice Says how many chunks there are and checks them.
    IModelRegistry public immutable REGISTRY;

    /// @inheritdoc IDataAvailability
    uint96 public immutable BOND;

    /// @inheritdoc IDataAvailability
    mapping(address source => mapping(bytes32 id => uint256 count)) public openDemands;

    mapping(bytes32 demandId => Demand demand) private _demands;

    /// @param token Token of the bonds.
    /// @param registry Registry of the model versions.
    /// @param bond Bond for each chunk. It should pay for an answer of 32 KiB, whose gas docs/gas.md states.
    constructor(IERC20 token, IModelRegistry registry, uint96 bond) CreditLedger(token) {
        REGISTRY = registry;
        BOND = bond;
    }

    /// @inheritdoc ICreditLedger
    function withdraw(
        address account
    ) public override(CreditLedger, ICreditLedger) nonReentrant returns (uint256 amount) {
        return super.withdraw(account);
    }

    /// @inheritdoc IDataAvailability
    function demand(
        IDataSource source,
        bytes calldata terms,
        DataKind kind,
        uint32[] calldata chunks
    ) external nonReentrant returns (uint256 fresh) {
        uint40 answerUntil = source.clock() + secondsFor(kind);
        CommittedData memory data = source.noteDemand(terms, kind, msg.sender, answerUntil);
        // INVARIANT: a source makes demands of its own data only.
        (data.source, data.kind) = (address(source), kind);
        uint256 count = REGISTRY.chunksOf(data.versionId, kind);
        for (uint256 i; i < chunks.length; ++i) {
            uint32 chunk = chunks[i];
            require(chunk < count, DataChunkOutside(chunk, count));
            Demand storage known = _demands[_demandId(data, chunk)];
            if (known.demander != address(0)) continue;
            (known.demander, known.answerUntil) = (msg.sender, answerUntil);
            ++fresh;
            emit DataDemanded(address(source), data.id, msg.sender, kind, data.root, chunk, answerUntil);
        }
        require(fresh != 0, DataNothingNew());
        openDemands[address(source)][data.id] += fresh;
        _charge(fresh * BOND);
    }

    /// @inheritdoc IDataAvailability
    function show(
        CommittedData calldata data,
        uint32 chunk,
        bytes32[] calldata roots,
        Segment calldata segment
    ) external nonReentrant {
        (bytes32 demandId, Demand storage known) = _unanswered(data, chunk);
        uint40 time = IDataSource(data.source).clock();
        require(time <= known.answerUntil, DataTooLate(time, known.answerUntil));
        bytes32 root = REGISTRY.rootFromChunk(data.versionId, data.kind, chunk, roots, segment);
        require(root == data.root, DataRootMismatch(root, data.root));
        known.shown = true;
        --openDemands[data.source][data.id];
        emit DataShown(data.source, data.id, data.kind, chunk, segment);
        _credit(demandId, msg.sender, BOND);
    }

    /// @inheritdoc IDataAvailability
    function settle(CommittedData calldata data, uint32 chunk, bytes calldata terms) external nonReentrant {
        (, Demand storage known) = _withheld(data, chunk);
        IDataSource(data.source).noteWithheld(terms, data, known.demander);
    }

    /// @inheritdoc IDataAvailability
    function reclaim(CommittedData calldata data, uint32 chunk) external nonReentrant {
        (bytes32 demandId, Demand storage known) = _withheld(data, chunk);
        require(!known.returned, DataBondReturned(demandId));
        known.returned = true;
        _credit(demandId, known.demander, BOND);
    }

    /// @inheritdoc IDataAvailability
    function isReturned(CommittedData calldata data, uint32 chunk) external view returns (bool) {
        return _demands[_demandId(data, chunk)].returned;
    }

    /// @inheritdoc IDataAvailability
    function secondsFor(DataKind kind) public pure returns (uint40) {
        return kind == DataKind.Input ? INPUT_SECONDS : OUTPUT_SECONDS;
    }

    /// @dev A demand whose time is over, and that nobody answered.
    function _withheld(
        CommittedData calldata data,
        uint32 chunk
    ) private view returns (bytes32 demandId, Demand storage known) {
        (demandId, known) = _unanswered(data, chunk);
        uint40 time = IDataSource(data.source).clock();
        require(time > known.answerUntil, DataTooEarly(time, known.answerUntil));
    }

    function _unanswered(
        CommittedData calldata data,
        uint32 chunk
    ) private view returns (bytes32 demandId, Demand storage known) {
        demandId = _demandId(data, chunk);
        known = _demands[demandId];
        require(known.demander != address(0), DataDemandUnknown(demandId));
        require(!known.shown, DataShownBefore(demandId));
    }

    /// @dev The id binds everything that an answer is checked against, so the record does not store it.
    function _demandId(CommittedData memory data, uint32 chunk) private pure returns (bytes32) {
        return keccak256(abi.encode(data, chunk));
    }
}
