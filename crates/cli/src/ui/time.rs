//! Times for people.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A time in seconds since 1970-01-01 UTC as `2026-11-27 21:15:04` in the zone of this host.
pub(crate) fn local_time(seconds: u64) -> String {
    shown(seconds, &TimeZone::system())
}

/// The present time in UTC as iocage calls snapshots: `2026-11-27_21:15:04`.
pub(crate) fn name_of_now() -> String {
    name_of(Timestamp::now())
}

fn name_of(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d_%H:%M:%S").to_string()
}

fn shown(seconds: u64, zone: &TimeZone) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(
        || seconds.to_string(),
        |time| zone.to_datetime(time).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_whatever_the_number() {
        assert_eq!(shown(1_000_000_000, &TimeZone::UTC), "2001-09-09 01:46:40");
        assert_eq!(name_of(Timestamp::UNIX_EPOCH), "1970-01-01_00:00:00");
        assert_eq!(shown(u64::MAX, &TimeZone::UTC), u64::MAX.to_string());
    }
}
