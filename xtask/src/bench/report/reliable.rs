//! What reliability costs.

use std::fmt::Write;

use super::super::Measured;
use super::{
    HUBLET_JSON, HUBLET_JSON_RELIABLE, HUBLET_PROTOBUF, HUBLET_PROTOBUF_RELIABLE, fine, paired, series,
    short, spread, whole, windows,
};

/// Reliable clients beside those of the same format that are not.
pub(super) fn fanout(measured: &[Measured]) -> String {
    let mut text = String::from(
        "## Reliable clients against the same clients without reliability\n\n\
         Median of the ratios within each round, and the range; 1 means that reliability costs nothing.\n\n\
         | clients | messages outstanding | deliveries/s | CPU per delivery |\n| --- | ---: | ---: | ---: |\n",
    );
    for (reliable, plain, format) in
        [(HUBLET_JSON_RELIABLE, HUBLET_JSON, "JSON"), (HUBLET_PROTOBUF_RELIABLE, HUBLET_PROTOBUF, "protobuf")]
    {
        for window in windows(measured) {
            let fixed = [("mode", "fanout"), ("window", window)];
            let of = |variant, name| series(measured, variant, &fixed, name);
            let rate = paired(&of(reliable, "deliveries_per_s"), &of(plain, "deliveries_per_s"));
            let cost = paired(&of(plain, "cpu_us_per_delivery"), &of(reliable, "cpu_us_per_delivery"));
            let _ =
                writeln!(text, "| {format} | {window} | {} | {} |", spread(&rate, fine), spread(&cost, fine));
        }
    }
    text.push('\n');
    text
}

/// Memory of messages that members read and never acknowledge.
pub(super) fn unacked(measured: &[Measured]) -> String {
    let mut text = String::from(
        "## Messages of 1 KiB that no member of a group acknowledges\n\n\
         | server | members | messages | resident before, MiB | with all of them, MiB | bytes per message and member | deliveries/s |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for variant in [HUBLET_JSON_RELIABLE, HUBLET_PROTOBUF_RELIABLE] {
        let of = |name| series(measured, variant, &[("mode", "unacked")], name);
        let _ = writeln!(
            text,
            "| {variant} | {} | {} | {} | {} | {} | {} |",
            spread(&of("members"), whole),
            spread(&of("messages"), whole),
            spread(&of("rss_connected_mib"), whole),
            spread(&of("rss_unacked_mib"), whole),
            spread(&of("bytes_per_kept_message"), fine),
            spread(&of("deliveries_per_s"), short),
        );
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::super::super::row::Row;
    use super::*;

    fn measured(variant: &'static str, row: &str) -> Measured {
        Measured { variant, row: Row::parse(row).unwrap() }
    }

    #[test]
    fn what_reliability_costs() {
        let fanout_row = |variant, rate, cost| {
            measured(
                variant,
                &format!(
                    r#"{{"mode":"fanout","window":16,"deliveries_per_s":{rate},"cpu_us_per_delivery":{cost}}}"#
                ),
            )
        };
        let rows = [
            fanout_row(HUBLET_JSON, 1_000_000.0, 1.0),
            fanout_row(HUBLET_JSON_RELIABLE, 900_000.0, 1.25),
            measured(
                HUBLET_JSON_RELIABLE,
                r#"{"mode":"unacked","members":10000,"messages":1000,"rss_connected_mib":40.0,"rss_unacked_mib":350.0,"bytes_per_kept_message":32.5,"deliveries_per_s":500000.0}"#,
            ),
        ];
        let text = fanout(&rows);
        assert!(text.contains("\n| JSON | 16 | 0.900 | 0.800 |\n"), "{text}");
        assert!(text.contains("\n| protobuf | 16 | - | - |\n"), "{text}");
        let text = unacked(&rows);
        let line = "| hublet, reliable JSON clients | 10,000 | 1,000 | 40 | 350 | 32.5 | 500 k |";
        assert!(text.lines().any(|found| found == line), "{text}");
    }
}
