// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {CreditLedger} from "../../contracts/credit/CreditLedger.sol";
import {PrepaidLedger} from "../../contracts/credit/PrepaidLedger.sol";
import {BPS} from "../../contracts/types/BasisPoints.sol";
import {PlaceTerms} from "../../contracts/types/Place.sol";

/// @notice Statements about money arithmetic that solc's model checker proves or refutes; see tools/analyse.ts. Not deployed.
contract LedgerClaims is PrepaidLedger {
    constructor(IERC20 token) CreditLedger(token) {}

    /// @dev Credit that covers an amount pays it, to a unit, and nobody else's credit changes.
    function chargedFromCredit(uint256 amount, address other) external {
        require(other != msg.sender);
        (uint256 own, uint256 others) = (creditOf[msg.sender], creditOf[other]);
        require(own >= amount);
        _charge(amount);
        assert(creditOf[msg.sender] == own - amount);
        assert(creditOf[other] == others);
    }

    /// @dev What is credited is credited to one account, and nothing is credited for nothing.
    function credited(bytes32 cause, address account, address other, uint256 amount) external {
        require(other != account);
        (uint256 own, uint256 others) = (creditOf[account], creditOf[other]);
        _credit(cause, account, amount);
        assert(creditOf[account] == own + amount);
        assert(creditOf[other] == others);
    }
}

/// @notice Parts of an amount, as penalties, bonds and fees are divided.
contract ShareClaims {
    /// @dev Accuser and requester get at most a quarter each, and the sink the rest: at least half.
    function penalty(uint96 amount) external pure {
        uint256 taken = amount;
        uint256 part = (taken * 2_500) / BPS;
        uint256 sunk = taken - part - part;
        assert(part + part + sunk == taken);
        assert(2 * sunk >= taken);
    }

    /// @dev A bond is what the operator gets and what is burnt, and at least the stated part is burnt.
    function burn(uint96 bond, uint16 burnBps) external pure {
        require(burnBps <= BPS);
        uint256 burned = (uint256(bond) * burnBps + BPS - 1) / BPS;
        assert(burned <= bond);
        assert(burned * BPS >= uint256(bond) * burnBps);
    }

    /// @dev Royalty and audits never take the whole fee: what is left is the operator's.
    function fee(uint96 paid, uint16 royaltyBps, uint16 auditBps) external pure {
        require(royaltyBps <= 5_000 && auditBps <= 2_500);
        uint256 royalty = (uint256(paid) * royaltyBps) / BPS;
        uint256 audits = (uint256(paid) * auditBps) / BPS;
        assert(royalty + audits <= paid);
    }

    /// @dev With the collateral that the market asks for, a wrong answer loses more, on average, than it gains.
    function collateral(uint96 value, uint96 paid, uint16 catchBps) external pure {
        require(catchBps >= 1 && catchBps <= BPS);
        uint256 loss = uint256(catchBps) * 5_000;
        uint256 locked = ((uint256(value) + paid) * BPS * BPS) / loss + 1;
        assert(locked * loss > (uint256(value) + paid) * BPS * BPS);
    }

    /// @dev What an operator asks for with a callback is never less than without, and never wraps.
    function place(PlaceTerms memory terms, uint32 callbackGas) external pure {
        assert(terms.feeFor(callbackGas) >= terms.minimumFee);
    }
}
