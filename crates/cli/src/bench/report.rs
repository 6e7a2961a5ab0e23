//! Results as a table for people or as JSON lines for programs.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::histogram::Histogram;
use super::process::Elapsed;

/// One line of results: names and values in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Row {
    cells: Vec<(&'static str, Value)>,
}

impl Row {
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.cells.push((name, value.into()));
        self
    }

    /// A measured number, with as many decimals as it deserves. What could not be measured is null.
    pub(super) fn measured(self, name: &'static str, value: Option<f64>, decimals: i32) -> Self {
        let scale = 10f64.powi(decimals);
        let rounded = value.filter(|value| value.is_finite()).map(|value| (value * scale).round() / scale);
        self.with(name, rounded.map_or(Value::Null, |value| json!(value)))
    }

    pub(super) fn latency(self, histogram: &Histogram) -> Self {
        let us = |per_cent| histogram.percentile(per_cent).map(|latency| latency.as_secs_f64() * 1e6);
        self.measured("p50_us", us(50), 0).measured("p99_us", us(99), 0)
    }

    /// How much of `count` things happened per second, and per second of the server's processor time.
    pub(super) fn rates(self, names: [&'static str; 3], count: u64, elapsed: &Elapsed) -> Self {
        let [per_second, per_cpu_second, cpu_us_each] = names;
        let count = count as f64;
        let cpu = elapsed.server.map(|cpu| cpu.as_secs_f64());
        self.measured(per_second, Some(count / elapsed.wall.as_secs_f64()), 0)
            .measured(per_cpu_second, cpu.map(|cpu| count / cpu), 0)
            .measured(cpu_us_each, cpu.map(|cpu| cpu * 1e6 / count), 3)
    }

    /// Who was busy, so that one sees what the limit was and how quiet the machine.
    pub(super) fn busy(self, elapsed: &Elapsed) -> Self {
        let share = |time: Duration| time.as_secs_f64() * 100.0 / elapsed.wall.as_secs_f64();
        self.measured("server_busy_percent", elapsed.server.map(share), 0)
            .measured("load_busy_percent", Some(share(elapsed.own)), 0)
            .measured("others_busy_percent", elapsed.others.map(share), 0)
    }
}

/// Prints rows that all have the same names.
pub(super) fn print(rows: &[Row], as_json: bool) -> Result<()> {
    let mut text = String::new();
    if as_json {
        for row in rows {
            let cells = row.cells.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
            text += &Value::Object(cells.collect::<Map<_, _>>()).to_string();
            text.push('\n');
        }
    } else {
        text = table(rows);
    }
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

fn table(rows: &[Row]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let mut lines: Vec<Vec<String>> = vec![first.cells.iter().map(|(name, _)| title(name)).collect()];
    lines.extend(rows.iter().map(|row| row.cells.iter().map(|(_, value)| shown(value)).collect()));
    let widths: Vec<usize> = (0..first.cells.len())
        .map(|column| lines.iter().filter_map(|line| line.get(column)).map(String::len).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

fn title(name: &str) -> String {
    name.replace("_per_", "/").replace("_percent", " %").replace('_', " ")
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => grouped(&number.to_string()),
        other => other.to_string(),
    }
}

/// Thousands apart, `.0` left out.
fn grouped(number: &str) -> String {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !decimals.is_empty() && decimals != "0" {
        text.push('.');
        text += decimals;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table() {
        let rows = [
            Row::default().with("clients", "simple").measured("messages_per_s", Some(1_234_567.2), 0),
            Row::default().with("clients", "json").measured("messages_per_s", None, 0),
        ];
        assert_eq!(table(&rows), "clients  messages/s\n simple   1,234,567\n   json           -\n");
    }

    #[test]
    fn numbers() {
        for (number, expected) in
            [("1", "1"), ("123", "123"), ("1234.0", "1,234"), ("1234567.125", "1,234,567.125")]
        {
            assert_eq!(grouped(number), expected);
        }
        let row = Row::default().measured("a", Some(f64::NAN), 0).measured("b", Some(0.12345), 3);
        assert_eq!(row.cells, [("a", Value::Null), ("b", json!(0.123))]);
    }

    #[test]
    fn rates_with_and_without_the_server() {
        let mut elapsed = Elapsed {
            wall: Duration::from_secs(2),
            server: Some(Duration::from_secs(1)),
            own: Duration::from_secs(1),
            others: Some(Duration::ZERO),
        };
        let row = Row::default().rates(["a", "b", "c"], 1_000_000, &elapsed).busy(&elapsed);
        let values: Vec<_> = row.cells.iter().filter_map(|(_, value)| value.as_f64()).collect();
        assert_eq!(values, [500_000.0, 1_000_000.0, 1.0, 50.0, 50.0, 0.0]);
        elapsed.server = None;
        assert_eq!(Row::default().rates(["a", "b", "c"], 1, &elapsed).cells[1].1, Value::Null);
    }
}
