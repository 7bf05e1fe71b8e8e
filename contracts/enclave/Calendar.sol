// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Calendar
/// @notice From a date of the Gregorian calendar to seconds since 1970.
library Calendar {
    /// @notice Whether the numbers are a date and a time of day, from 1970 on.
    function isValid(
        uint256 year,
        uint256 month,
        uint256 day,
        uint256 hour,
        uint256 minute,
        uint256 second
    ) internal pure returns (bool) {
        if (year < 1970 || year > 9999 || month == 0 || month > 12 || day == 0) return false;
        if (hour > 23 || minute > 59 || second > 59) return false;
        // Months of 31 days: 1, 3, 5, 7, 8, 10, 12.
        uint256 last = 30 + ((month + month / 8) & 1);
        if (month == 2) last = (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) ? 29 : 28;
        return day <= last;
    }

    /// @notice Seconds since 1970 of a valid date.
    /// @dev Counts years from March, so that the day of a leap year is the last one: Hinnant, days_from_civil.
    function toTime(
        uint256 year,
        uint256 month,
        uint256 day,
        uint256 hour,
        uint256 minute,
        uint256 second
    ) internal pure returns (uint40) {
        uint256 y = month > 2 ? year : year - 1;
        uint256 dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
        uint256 daysPassed = y * 365 + y / 4 - y / 100 + y / 400 + dayOfYear - 719_468;
        return uint40(((daysPassed * 24 + hour) * 60 + minute) * 60 + second);
    }
}
