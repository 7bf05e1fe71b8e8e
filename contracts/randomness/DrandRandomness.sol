// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TicketState} from "../types/Draw.sol";
import {IDrandRandomness} from "../interfaces/IDrandRandomness.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";
import {Bls12381, Fp, G1Point, G2Point} from "./Bls12381.sol";

/// @title DrandRandomness
/// @notice The seed is the randomness of one fixed later round of a drand beacon, whose BLS signature this contract
/// verifies. Nobody chooses the round: it follows from the time of the commitment. Scheme bls-unchained-g1-rfc9380.
/// @dev What its strongest party can do. A signature is unique, so nobody at all can choose or reject an outcome: not the
/// caller, not a proposer, not a sequencer, not the beacon. A threshold of the beacon's nodes (the League of Entropy)
/// that works together can compute every round in advance, and so know seeds when they are committed to; it can also
/// stop, and then tickets stay pending for ever: requests end by their own deadline. The same holds for whoever collects
/// a threshold of key shares, old ones included.
/// The builder of the block of a commitment knows what has been published when it builds. It must not know the round, so
/// the margin has to exceed the time for which it can hold its block back behind the block's timestamp:
/// - Ethereum: a lone proposer some 4 seconds, at most its slot of 12. One with k slots in a row, 12·k seconds: 60 seconds
///   mean six slots in a row, by chance 1 in 1,000,000 for a tenth of all stake, 1 in 1,400 for three tenths. A
///   reorganisation that reaches further back than the margin draws again, since it moves the commitment.
/// - Rollups: as long as a sequencer may publish a batch after its blocks' timestamps, 12 hours on the OP Stack. With a
///   smaller margin its sequencer can choose among seeds by writing blocks late, which others see.
/// A beacon is not replaced here: when it ends, so does the use of this contract.
contract DrandRandomness is IDrandRandomness {
    /// @notice Least margin: two slots of Ethereum, more than the clocks of honest parties are apart.
    uint256 public constant MIN_MARGIN_SECONDS = 24;
    /// @notice Largest margin.
    uint256 public constant MAX_MARGIN_SECONDS = 1 days;
    /// @dev Domain separation tag of the scheme.
    bytes private constant TAG = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

    /// @notice Time of round 1, in Unix seconds.
    uint256 public immutable GENESIS_TIME;
    /// @notice Seconds between two rounds.
    uint256 public immutable PERIOD_SECONDS;
    /// @notice Seconds that lie at least between a commitment and the publication of its round.
    uint256 public immutable MARGIN_SECONDS;

    // The key's words: an immutable has no other shape, and storage would cost 16,800 gas a round.
    uint256 private immutable KEY_X0_HIGH;
    uint256 private immutable KEY_X0_LOW;
    uint256 private immutable KEY_X1_HIGH;
    uint256 private immutable KEY_X1_LOW;
    uint256 private immutable KEY_Y0_HIGH;
    uint256 private immutable KEY_Y0_LOW;
    uint256 private immutable KEY_Y1_HIGH;
    uint256 private immutable KEY_Y1_LOW;

    mapping(uint64 round => bytes32 randomness) private _randomness;

    /// @param key Public key of the beacon: a point of G2, 256 bytes, as EIP-2537 encodes it.
    /// @param genesisTime Time of round 1, in Unix seconds, not in the future.
    /// @param periodSeconds Seconds between two rounds, at least 1.
    /// @param marginSeconds Between MIN_MARGIN_SECONDS and MAX_MARGIN_SECONDS; see above for how to choose it.
    constructor(bytes memory key, uint64 genesisTime, uint64 periodSeconds, uint256 marginSeconds) {
        require(
            marginSeconds >= MIN_MARGIN_SECONDS && marginSeconds <= MAX_MARGIN_SECONDS,
            DrandMarginOutOfRange(marginSeconds, MIN_MARGIN_SECONDS, MAX_MARGIN_SECONDS)
        );
        require(periodSeconds != 0, DrandPeriodZero());
        require(genesisTime <= block.timestamp, DrandGenesisInFuture(genesisTime, block.timestamp));
        G2Point memory point = Bls12381.decodeG2(key);
        (KEY_X0_HIGH, KEY_X0_LOW) = (point.x0.high, point.x0.low);
        (KEY_X1_HIGH, KEY_X1_LOW) = (point.x1.high, point.x1.low);
        (KEY_Y0_HIGH, KEY_Y0_LOW) = (point.y0.high, point.y0.low);
        (KEY_Y1_HIGH, KEY_Y1_LOW) = (point.y1.high, point.y1.low);
        GENESIS_TIME = genesisTime;
        PERIOD_SECONDS = periodSeconds;
        MARGIN_SECONDS = marginSeconds;
    }

    /// @inheritdoc IDrandRandomness
    function submit(uint64 round, bytes calldata signature) external returns (bytes32 randomness) {
        randomness = _randomness[round];
        if (randomness != 0) return randomness;

        G1Point memory point = Bls12381.decodeG1(signature);
        G1Point memory hash = Bls12381.hashToG1(abi.encodePacked(sha256(abi.encodePacked(round))), TAG);
        require(Bls12381.verify(point, hash, _key()), DrandSignatureInvalid(round));
        randomness = sha256(Bls12381.compressG1(point));
        _randomness[round] = randomness;
        emit RoundVerified(round, randomness);
    }

    /// @notice Commits to the first round that is published MARGIN_SECONDS after this block's timestamp, or later.
    /// @inheritdoc IRandomness
    function commit() external view returns (uint64 ticket) {
        uint256 elapsed = block.timestamp + MARGIN_SECONDS - GENESIS_TIME;
        // Round 1 is published at the genesis time.
        return uint64((elapsed + PERIOD_SECONDS - 1) / PERIOD_SECONDS + 1);
    }

    /// @notice Seed of a ticket: pending until its round was submitted, and then the same for ever. It never expires.
    /// @inheritdoc IRandomness
    function seedOf(uint64 ticket) external view returns (TicketState state, bytes32 seed) {
        seed = _randomness[ticket];
        return (seed == 0 ? TicketState.Pending : TicketState.Ready, seed);
    }

    /// @inheritdoc IDrandRandomness
    function publicKey() external view returns (bytes memory) {
        return abi.encode(_key());
    }

    function _key() private view returns (G2Point memory) {
        return
            G2Point(
                Fp(KEY_X0_HIGH, KEY_X0_LOW),
                Fp(KEY_X1_HIGH, KEY_X1_LOW),
                Fp(KEY_Y0_HIGH, KEY_Y0_LOW),
                Fp(KEY_Y1_HIGH, KEY_Y1_LOW)
            );
    }
}
