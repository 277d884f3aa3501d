//! Amounts of bytes: quotas, reservations, limits.

use std::fmt;
use std::str::FromStr;

/// An amount of bytes, read and printed with binary units: `512`, `10G`, `1.5T`.
///
/// ```
/// # use ioc_model::size::Size;
/// assert_eq!("1.5g".parse(), Ok(Size::bytes(1_610_612_736)));
/// assert_eq!(Size::bytes(10 << 30).to_string(), "10G");
/// assert_eq!(Size::bytes(1000).to_string(), "1000");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

/// Why a text is not an amount of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// It does not begin with a number.
    #[error("not a number")]
    NoNumber,
    /// What follows the number is no unit.
    #[error("the unit is none of K, M, G, T, P, E")]
    Unit,
    /// More than 2^64 - 1 bytes.
    #[error("more than 16 exabytes")]
    TooLarge,
}

const UNITS: [char; 6] = ['K', 'M', 'G', 'T', 'P', 'E'];

impl Size {
    /// An amount of `bytes`.
    pub const fn bytes(bytes: u64) -> Self {
        Size(bytes)
    }

    /// The amount in bytes.
    pub const fn as_bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = SizeError;

    /// Reads digits, at most one dot, and a unit in any case; `GB` and `GiB` mean `G`, as zfs(8) has it.
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.trim_start().to_ascii_uppercase();
        let shift = match unit.strip_suffix("IB").or_else(|| unit.strip_suffix('B')).unwrap_or(&unit) {
            "" => 0,
            letter => {
                let at = UNITS.iter().position(|u| letter.len() == 1 && letter.starts_with(*u));
                10 * (at.ok_or(SizeError::Unit)? as u32 + 1)
            }
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return Err(SizeError::NoNumber);
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| SizeError::TooLarge)? };
        // 18 digits of a fraction are finer than a byte of the largest unit, and fit.
        let digits = &fraction[..fraction.len().min(18)];
        let fraction: u64 =
            if digits.is_empty() { 0 } else { digits.parse().map_err(|_| SizeError::NoNumber)? };
        let scale = 10_u128.pow(digits.len() as u32);
        let bytes = (u128::from(whole) << shift) + (u128::from(fraction) << shift) / scale;
        u64::try_from(bytes).map(Size).map_err(|_| SizeError::TooLarge)
    }
}

impl fmt::Display for Size {
    /// Prints with the largest unit that leaves a whole number, so that it reads back as the same amount.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut amount = self.0;
        let mut unit = None;
        for next in UNITS {
            if amount == 0 || !amount.is_multiple_of(1024) {
                break;
            }
            amount /= 1024;
            unit = Some(next);
        }
        match unit {
            Some(unit) => write!(f, "{amount}{unit}"),
            None => write!(f, "{amount}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_binary_and_case_does_not_matter() {
        for (text, bytes) in [("0", 0), ("1k", 1024), ("2MB", 2 << 20), ("3GiB", 3 << 30), (".5K", 512)] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
    }

    #[test]
    fn refusals_name_the_reason() {
        assert_eq!("".parse::<Size>(), Err(SizeError::NoNumber));
        assert_eq!("G".parse::<Size>(), Err(SizeError::NoNumber));
        assert_eq!("1.2.3".parse::<Size>(), Err(SizeError::NoNumber));
        assert_eq!("1X".parse::<Size>(), Err(SizeError::Unit));
        assert_eq!("-1".parse::<Size>(), Err(SizeError::Unit));
        assert_eq!("16E".parse::<Size>(), Err(SizeError::TooLarge));
        assert_eq!(format!("{}K", "9".repeat(1000)).parse::<Size>(), Err(SizeError::TooLarge));
    }

    proptest! {
        #[test]
        fn printed_sizes_read_back(bytes: u64) {
            prop_assert_eq!(Size(bytes).to_string().parse(), Ok(Size(bytes)));
        }

        #[test]
        fn any_text_is_judged(text: String) {
            let _ = text.parse::<Size>();
        }
    }
}
