//! How long the reply took, as `mosquitto_rr` tells it.

use std::time::Duration;

/// The line that `mosquitto_rr` has for it.
pub(super) fn line(latency: Duration) -> String {
    let (seconds, nanos) = (latency.as_secs(), latency.subsec_nanos());
    let text = if seconds > 0 {
        format!("{seconds}.{nanos:09}")
    } else if nanos >= 1_000_000 {
        format!("{}.{:06}ms", nanos / 1_000_000, nanos % 1_000_000)
    } else if nanos >= 1000 {
        format!("{}.{:06}µs", nanos / 1000, nanos % 1000 * 1000)
    } else {
        format!("{nanos}ns")
    };
    format!("Latency: {text}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_mosquitto_rr() {
        for (nanos, text) in [
            (7, "7ns"),
            (172_315, "172.315000µs"),
            (12_345_678, "12.345678ms"),
            (1_002_000_003, "1.002000003"),
        ] {
            assert_eq!(line(Duration::from_nanos(nanos)), format!("Latency: {text}\n"));
        }
    }
}
