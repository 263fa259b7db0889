//! Numbers, exactly.

/// The largest integer that every JSON reader holds exactly: 2^53 - 1.
const MAX_SAFE: i64 = (1 << 53) - 1;

/// The value of a JSON number that is an integer in the safe range, however it is spelled (`42`, `42.0`, `4.2e1`).
///
/// `None` for all else, text that is not a JSON number included. No floating point: 9007199254740991.5 rounds to
/// an integer, but is none.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole, fraction),
        None => (mantissa, ""),
    };
    let digits = || whole.bytes().chain(fraction.bytes());
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    if whole.is_empty() || leading_zero || !digits().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // The value is `digits` without the zeros at its end, times ten to the power of `scale`.
    let zeros = digits().rev().take_while(|byte| *byte == b'0').count();
    let count = whole.len() + fraction.len() - zeros;
    if count == 0 {
        return Some(0);
    }
    let scale =
        exponent.checked_add(i64::try_from(zeros).ok()?)?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let power = 10_i64.checked_pow(u32::try_from(scale).ok()?)?;
    let magnitude = digits()
        .take(count)
        .try_fold(0_i64, |sum, byte| sum.checked_mul(10)?.checked_add(i64::from(byte - b'0')))?;
    let magnitude = magnitude.checked_mul(power).filter(|magnitude| *magnitude <= MAX_SAFE)?;
    Some(if negative { -magnitude } else { magnitude })
}

/// `None` if it is malformed, or so large that no value it could belong to is an integer in range, save zero: and
/// nobody writes zero like that.
fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let well_formed = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if well_formed { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::{MAX_SAFE, parse};
    use proptest::prelude::*;

    #[test]
    fn numbers() {
        for (text, want) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("0.000", Some(0)),
            ("0e5", Some(0)),
            ("-0.0e-5", Some(0)),
            ("42", Some(42)),
            ("-7", Some(-7)),
            ("42.0", Some(42)),
            ("42.000000000000000000000000000000", Some(42)),
            ("4.2e1", Some(42)),
            ("4.2E+1", Some(42)),
            ("4200e-2", Some(42)),
            ("0.0042e4", Some(42)),
            ("4.25e1", None),
            ("42.5", None),
            ("42.00000000000000000001", None),
            ("1e-1", None),
            ("9007199254740991", Some(MAX_SAFE)),
            ("-9007199254740991", Some(-MAX_SAFE)),
            ("9007199254740992", None),
            ("-9007199254740992", None),
            ("9007199254740991.5", None),
            ("9.007199254740991e15", Some(MAX_SAFE)),
            ("1e15", Some(1_000_000_000_000_000)),
            ("1e16", None),
            ("1e999999999999999999999999", None),
            ("1e-999999999999999999999999", None),
            ("1e9223372036854775807", None),
            ("10e9223372036854775807", None),
            ("0.1e-9223372036854775808", None),
            ("99999999999999999999999999", None),
            ("", None),
            ("-", None),
            ("+42", None),
            ("042", None),
            ("00", None),
            (".5", None),
            ("5.", None),
            ("5.e1", None),
            ("5e", None),
            ("5e+", None),
            ("5e1.0", None),
            ("5e1e1", None),
            ("--5", None),
            ("0x2a", None),
            (" 42", None),
            ("42 ", None),
            ("4 2", None),
            ("4_2", None),
            ("٤٢", None),
            ("NaN", None),
            ("1e--5", None),
            ("1e+-5", None),
        ] {
            assert_eq!(parse(text), want, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_spelling_of_a_safe_integer(
            number in -MAX_SAFE..=MAX_SAFE, zeros in 0_usize..30, shift in 0_usize..5,
        ) {
            let tail = "0".repeat(zeros);
            prop_assert_eq!(parse(&format!("{number}.0{tail}")), Some(number));
            prop_assert_eq!(parse(&format!("{number}{}e-{shift}", "0".repeat(shift))).filter(|_| number != 0), Some(number).filter(|n| *n != 0));
        }

        #[test]
        fn agrees_with_the_json_library(text in "-?[0-9]{1,3}(\\.[0-9]{1,3})?([eE][+-]?[0-9])?") {
            // Short enough for a float to be exact about being an integer.
            let float = serde_json::from_str::<f64>(&text).ok();
            let want = float.filter(|float| float.fract() == 0.0).map(|float| float as i64);
            prop_assert_eq!(parse(&text), want);
        }

        #[test]
        fn never_panics(text in "[-+0-9.eE]{0,40}") {
            let _ = parse(&text);
        }
    }
}
