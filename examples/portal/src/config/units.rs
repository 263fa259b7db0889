//! Durations and sizes as people write them.

use std::time::Duration;

/// Reads `500ms`, `30s`, `5m`, `1h` or `30d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3600).map(Duration::from_secs),
        "d" => number.checked_mul(24 * 3600).map(Duration::from_secs),
        _ => None,
    }
}

/// Reads `512`, `64KiB`, `4MiB` or `1GiB`.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.strip_prefix(' ').unwrap_or(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write_and_nothing_else() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("5 m"), Some(Duration::from_secs(300)));
        assert_eq!(size("4MiB"), Some(4 << 20));
        assert_eq!(size("7"), Some(7));
        assert_eq!(duration("30d"), Some(Duration::from_secs(30 * 86_400)));
        for wrong in ["", "s", "-1s", "+1s", "1.5s", "30", "1w", "99999999999999999999s", "9999999999999999h"]
        {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
        for wrong in ["", "MiB", "-1", "1MB", "4mib", "99999999999GiB"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }
}
