//! From measured rows to a report in Markdown.

use std::fmt::Write;

use super::Measured;

mod reliable;

pub(super) const HUBLET: &str = "hublet";
pub(super) const HUBLET_JSON: &str = "hublet, JSON clients";
pub(super) const HUBLET_JSON_RELIABLE: &str = "hublet, reliable JSON clients";
pub(super) const HUBLET_PROTOBUF: &str = "hublet, protobuf clients";
pub(super) const HUBLET_PROTOBUF_RELIABLE: &str = "hublet, reliable protobuf clients";
pub(super) const NODE: &str = "Node.js ws";
pub(super) const TUNGSTENITE: &str = "tokio-tungstenite";
pub(super) const HYPER_JWT: &str = "hyper, checking tokens";
pub(super) const HYPER_ECHO: &str = "the event handler alone";

/// The order of rows in all tables.
const ORDER: [&str; 7] =
    [HUBLET, HUBLET_JSON, HUBLET_JSON_RELIABLE, HUBLET_PROTOBUF, HUBLET_PROTOBUF_RELIABLE, TUNGSTENITE, NODE];

pub(super) fn markdown(measured: &[Measured], machine: &[String]) -> String {
    let mut text = String::from("# Measurements\n\n");
    for line in machine {
        let _ = writeln!(text, "* {line}");
    }
    let _ = writeln!(text, "* {}\n", disturbance(measured));
    text += &fanout(measured);
    text += &ratios(measured);
    text += &reliable::fanout(measured);
    text += &idle(measured);
    text += &reliable::unacked(measured);
    text += &connect(measured);
    text += &alone(measured);
    text += &rest(measured);
    text += &events(measured);
    text
}

/// Rows that fit: of one variant, mode, and value of a named parameter.
fn series(measured: &[Measured], variant: &str, fixed: &[(&str, &str)], name: &str) -> Vec<f64> {
    let fits = |one: &&Measured| {
        one.variant == variant && fixed.iter().all(|(name, value)| one.row.text(name) == Some(*value))
    };
    measured.iter().filter(fits).filter_map(|one| one.row.number(name)).collect()
}

/// How noisy the machine was, and whether the load generator was the limit: without it nobody can judge the numbers.
fn disturbance(measured: &[Measured]) -> String {
    let shares = |name: &str| -> String {
        let shares: Vec<f64> = measured.iter().filter_map(|one| one.row.number(name)).collect();
        spread(&shares, whole)
    };
    format!(
        "in per cent of one core: server {}, load generator {}, other programs {}",
        shares("server_busy_percent"),
        shares("load_busy_percent"),
        shares("others_busy_percent")
    )
}

fn windows(measured: &[Measured]) -> Vec<&str> {
    let mut windows = Vec::new();
    for window in measured.iter().filter_map(|one| one.row.text("window")) {
        if !windows.contains(&window) {
            windows.push(window);
        }
    }
    windows
}

fn fanout(measured: &[Measured]) -> String {
    let mut text = String::from(
        "## Fan-out to 1,000 receivers, 128 bytes, one core\n\n\
         Median of all rounds, and the range.\n\n\
         | server | messages outstanding | deliveries/s | µs of CPU per delivery | latency p50 | p99 | busy |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for variant in ORDER {
        for window in windows(measured) {
            let fixed = [("mode", "fanout"), ("window", window)];
            let of = |name| series(measured, variant, &fixed, name);
            let _ = writeln!(
                text,
                "| {variant} | {window} | {} | {} | {} | {} | {} |",
                spread(&of("deliveries_per_s"), short),
                spread(&of("cpu_us_per_delivery"), fine),
                spread(&of("p50_us"), time),
                spread(&of("p99_us"), time),
                busy(&of("server_busy_percent"), &of("load_busy_percent")),
            );
        }
    }
    text.push('\n');
    text
}

/// How many times hublet's throughput is that of the others, and their processor time that of hublet.
fn ratios(measured: &[Measured]) -> String {
    let mut text = String::from(
        "## hublet against the others, simple clients\n\n\
         Median of the ratios within each round, and the range; above 1 hublet is better.\n\n\
         | messages outstanding | against | deliveries/s | CPU per delivery |\n| ---: | --- | ---: | ---: |\n",
    );
    for window in windows(measured) {
        for other in [TUNGSTENITE, NODE] {
            let fixed = [("mode", "fanout"), ("window", window)];
            let of = |variant, name| series(measured, variant, &fixed, name);
            let rate = paired(&of(HUBLET, "deliveries_per_s"), &of(other, "deliveries_per_s"));
            let cost = paired(&of(other, "cpu_us_per_delivery"), &of(HUBLET, "cpu_us_per_delivery"));
            let _ =
                writeln!(text, "| {window} | {other} | {} | {} |", spread(&rate, fine), spread(&cost, fine));
        }
    }
    text.push('\n');
    text
}

fn idle(measured: &[Measured]) -> String {
    let mut text = String::from(
        "## Memory per idle connection\n\n\
         | server | connections | bytes per connection | after a burst |\n| --- | ---: | ---: | ---: |\n",
    );
    for variant in ORDER {
        let of = |name| series(measured, variant, &[("mode", "idle")], name);
        if let [connections, ..] = of("connections").as_slice() {
            let _ = writeln!(
                text,
                "| {variant} | {} | {} | {} |",
                whole(*connections),
                spread(&of("bytes_per_connection"), whole),
                spread(&of("bytes_per_connection_after_burst"), whole),
            );
        }
    }
    text.push('\n');
    text
}

fn connect(measured: &[Measured]) -> String {
    let mut text = String::from(
        "## New connections\n\n\
         hublet also checks a token and says `connected`; the others do only the handshake.\n\n\
         | server | connections/s | µs of CPU per connection | latency p50 | p99 | busy |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for variant in ORDER {
        let of = |name| series(measured, variant, &[("mode", "connect")], name);
        if !of("connections").is_empty() {
            let _ = writeln!(
                text,
                "| {variant} | {} | {} | {} | {} | {} |",
                spread(&of("connections_per_s"), short),
                spread(&of("cpu_us_per_connection"), fine),
                spread(&of("p50_us"), time),
                spread(&of("p99_us"), time),
                busy(&of("server_busy_percent"), &of("load_busy_percent")),
            );
        }
    }
    text.push('\n');
    text
}

/// What only hublet has.
fn alone(measured: &[Measured]) -> String {
    let mut text = String::from(
        "## Small groups, hublet\n\n\
         | what | per second | µs of CPU each | latency p50 | p99 | busy |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let mut line = |what: &str, fixed: &[(&str, &str)], rate: &str, cost: &str| {
        let of = |name| series(measured, HUBLET, fixed, name);
        let _ = writeln!(
            text,
            "| {what} | {} | {} | {} | {} | {} |",
            spread(&of(rate), short),
            spread(&of(cost), fine),
            spread(&of("p50_us"), time),
            spread(&of("p99_us"), time),
            busy(&of("server_busy_percent"), &of("load_busy_percent")),
        );
    };
    for in_flight in ["1", "8"] {
        let fixed = [("mode", "pairs"), ("in_flight", in_flight)];
        let what = format!("messages in groups of two, {in_flight} under way in each");
        line(&what, &fixed, "messages_per_s", "cpu_us_per_message");
    }
    text.push('\n');
    text
}

/// Requests beside a server that checks the same tokens and does nothing else.
fn rest(measured: &[Measured]) -> String {
    let mut text = String::from(
        "## REST\n\n\
         The last column is the median of the ratios within each round: requests per CPU second, against the server \
         that only checks the token.\n\n\
         | server | message for | requests/s | µs of CPU each | latency p50 | p99 | busy | of the other |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let cost = |variant, target| {
        series(measured, variant, &[("mode", "rest"), ("target", target)], "cpu_us_per_request")
    };
    for (variant, target) in [(HUBLET, "nobody"), (HUBLET, "user"), (HUBLET, "group"), (HYPER_JWT, "nobody")]
    {
        let of = |name| series(measured, variant, &[("mode", "rest"), ("target", target)], name);
        let ratio = paired(&cost(HYPER_JWT, "nobody"), &cost(variant, target));
        let _ = writeln!(
            text,
            "| {variant} | {target} | {} | {} | {} | {} | {} | {} |",
            spread(&of("requests_per_s"), short),
            spread(&of("cpu_us_per_request"), fine),
            spread(&of("p50_us"), time),
            spread(&of("p99_us"), time),
            busy(&of("server_busy_percent"), &of("load_busy_percent")),
            spread(&ratio, fine),
        );
    }
    text
}

/// Events that an event handler answers, beside the same requests sent to it directly.
fn events(measured: &[Measured]) -> String {
    let mut text = String::from(
        "\n## Events of simple clients, answered by an event handler\n\n\
         The handler shares a core with the load generator, with the service in between and without it. The last column \
         is the median of the ratios of events per second within each round.\n\n\
         | way | clients | events/s | µs of the service's CPU each | latency p50 | p99 | busy | of direct |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for connections in ["1", "64"] {
        let rate = |variant| {
            series(measured, variant, &[("mode", "events"), ("connections", connections)], "events_per_s")
        };
        for variant in [HYPER_ECHO, HUBLET] {
            let of =
                |name| series(measured, variant, &[("mode", "events"), ("connections", connections)], name);
            let cost = if variant == HUBLET { of("cpu_us_per_event") } else { Vec::new() };
            let _ = writeln!(
                text,
                "| {variant} | {connections} | {} | {} | {} | {} | {} | {} |",
                spread(&of("events_per_s"), short),
                spread(&cost, fine),
                spread(&of("p50_us"), time),
                spread(&of("p99_us"), time),
                busy(&of("server_busy_percent"), &of("load_busy_percent")),
                spread(&paired(&rate(variant), &rate(HYPER_ECHO)), fine),
            );
        }
    }
    text
}

/// How busy the cores of the server and of the load generator were: whichever is at its limit sets the rate.
fn busy(server: &[f64], load: &[f64]) -> String {
    let share = |shares| median(shares).map_or_else(|| "-".to_owned(), whole);
    format!("{} %, load {} %", share(server), share(load))
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied()?;
    let lower = if sorted.len().is_multiple_of(2) { sorted.get(middle - 1).copied()? } else { upper };
    Some(f64::midpoint(lower, upper))
}

fn paired(numerators: &[f64], denominators: &[f64]) -> Vec<f64> {
    numerators.iter().zip(denominators).map(|(numerator, denominator)| numerator / denominator).collect()
}

/// The median, and the range when there is one.
fn spread(values: &[f64], shown: fn(f64) -> String) -> String {
    let Some(median) = median(values) else { return "-".to_owned() };
    let lowest = shown(values.iter().copied().fold(f64::INFINITY, f64::min));
    let highest = shown(values.iter().copied().fold(0.0, f64::max));
    if lowest == highest { shown(median) } else { format!("{} ({lowest} to {highest})", shown(median)) }
}

fn short(value: f64) -> String {
    match value {
        1e6.. => format!("{:.2} M", value / 1e6),
        1e4.. => format!("{:.0} k", value / 1e3),
        1e3.. => format!("{:.1} k", value / 1e3),
        _ => format!("{value:.0}"),
    }
}

fn time(us: f64) -> String {
    if us < 1e3 { format!("{us:.0} µs") } else { format!("{:.1} ms", us / 1e3) }
}

fn fine(value: f64) -> String {
    if value < 1.0 { format!("{value:.3}") } else { format!("{value:.1}") }
}

fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::row::Row;
    use super::*;

    #[test]
    fn medians_and_ranges() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(spread(&[], short), "-");
        assert_eq!(spread(&[2_500_000.0], short), "2.50 M");
        assert_eq!(spread(&[56_000.0, 70_000.0, 9_500.0], short), "56 k (9.5 k to 70 k)");
        assert_eq!(paired(&[6.0, 4.0], &[3.0, 1.0]), [2.0, 4.0]);
    }

    #[test]
    fn numbers() {
        assert_eq!([whole(9.0), whole(1_942.4), whole(1e6)], ["9", "1,942", "1,000,000"]);
        assert_eq!([fine(0.2514), fine(12.34)], ["0.251", "12.3"]);
        assert_eq!([time(180.0), time(7_766.0)], ["180 µs", "7.8 ms"]);
    }

    #[test]
    fn a_report() {
        let fanout = |variant, round, rate, cost| {
            Measured {
            variant,
            row: Row::parse(&format!(
                r#"{{"mode":"fanout","round":{round},"window":16,"deliveries_per_s":{rate},
                "cpu_us_per_delivery":{cost},"p50_us":100.0,"p99_us":200.0,"server_busy_percent":99.0,"load_busy_percent":40.0}}"#
            ))
            .unwrap(),
        }
        };
        let idle = Measured {
            variant: HUBLET,
            row: Row::parse(
                r#"{"mode":"idle","connections":10000,"bytes_per_connection":1942.0,
                "bytes_per_connection_after_burst":1950.0}"#,
            )
            .unwrap(),
        };
        let rest = |variant, target, cost| Measured {
            variant,
            row: Row::parse(&format!(
                r#"{{"mode":"rest","target":"{target}","requests_per_s":50000.0,"cpu_us_per_request":{cost},
                "p50_us":100.0,"p99_us":200.0,"server_busy_percent":99.0,"load_busy_percent":40.0}}"#
            ))
            .unwrap(),
        };
        let measured = [
            fanout(HUBLET, 1, 600_000.0, 1.5),
            fanout(NODE, 1, 60_000.0, 15.0),
            fanout(HUBLET, 2, 800_000.0, 1.0),
            fanout(NODE, 2, 40_000.0, 20.0),
            idle,
            rest(HUBLET, "user", 12.5),
            rest(HYPER_JWT, "nobody", 10.0),
        ];
        let text = markdown(&measured, &["processor: x".to_owned()]);
        for line in [
            "* processor: x",
            "| hublet | 16 | 700 k (600 k to 800 k) | 1.2 (1.0 to 1.5) | 100 µs | 200 µs | 99 %, load 40 % |",
            "| 16 | Node.js ws | 15.0 (10.0 to 20.0) | 15.0 (10.0 to 20.0) |",
            "| 16 | tokio-tungstenite | - | - |",
            "| hublet | 10,000 | 1,942 | 1,950 |",
            "| hublet | user | 50 k | 12.5 | 100 µs | 200 µs | 99 %, load 40 % | 0.800 |",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
