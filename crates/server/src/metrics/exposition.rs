//! Everything that is counted as text: Prometheus 0.0.4 and OpenMetrics 1.0.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hublet_hub::{CloseCategory, Histogram, PROTOCOLS};
use hublet_upstream::meters::{CallKey, CallReport, Calls};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet, prometheus_text, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::{Gathered, HubTotal, Process};

/// Hubs that have series of their own; all others are one, [`OTHER`].
const HUBS_MAX: usize = 100;
const OTHER: &str = "other";

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// The text format 0.0.4 of Prometheus.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// Its media type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// All there is to be shown.
#[derive(Debug)]
pub(crate) struct Exposition {
    pub(crate) gathered: Gathered,
    pub(crate) process: Process,
    /// When the service was started, in seconds since 1970.
    pub(crate) started_s: f64,
    /// Threads that serve connections.
    pub(crate) shards: usize,
    /// `limits.connections_max`
    pub(crate) connections_max: usize,
}

impl Exposition {
    /// The whole document.
    pub(crate) fn write(self, format: Format) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut document = String::new();
        // Texts take whatever is written to them.
        let _ = match format {
            Format::Prometheus => prometheus_text::encode(&mut document, &registry),
            Format::OpenMetrics => text::encode(&mut document, &registry),
        };
        document
    }
}

impl Collector for Exposition {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Out(encoder);
        self.connections(&mut out)?;
        self.traffic(&mut out)?;
        self.requests(&mut out)?;
        self.calls(&mut out)?;
        self.service(&mut out)
    }
}

impl Exposition {
    fn connections(&self, out: &mut Out<'_>) -> fmt::Result {
        let Gathered { counters, http, .. } = &self.gathered;
        let hubs = limited(&self.gathered.hubs);
        out.gauges("wps_connections", "Client connections by hub and what they speak", None, |series| {
            for (hub, total) in &hubs {
                for (protocol, count) in
                    PROTOCOLS.iter().zip(total.by_protocol).filter(|(_, count)| *count > 0)
                {
                    series.gauge(&[("hub", hub), ("protocol", protocol)], count)?;
                }
            }
            Ok(())
        })?;
        out.counter("wps_connections_opened", "Client connections that were opened", None, counters.opened)?;
        out.counter(
            "wps_connections_restored",
            "Reliable connections that were taken up from the process before",
            None,
            counters.restored,
        )?;
        let closed = self.gathered.closed();
        out.counters(
            "wps_connections_closed",
            "Client connections that ended, and handshakes that were refused, by why",
            None,
            |series| {
                CloseCategory::ALL.into_iter().try_for_each(|category| {
                    series.counter(&[("category", category.name())], closed.of(category))
                })
            },
        )?;
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        let quota = self.gathered.total().connections() as f64 / self.connections_max.max(1) as f64;
        out.gauge(
            "wps_connection_quota_ratio",
            "Client connections, as a part of limits.connections_max",
            None,
            quota,
        )?;
        out.gauges("wps_groups", "Groups with members by hub", None, |series| {
            hubs.iter().try_for_each(|(hub, total)| series.gauge(&[("hub", hub)], total.groups as u64))
        })?;
        out.gauges("wps_users", "Users with connections by hub", None, |series| {
            hubs.iter().try_for_each(|(hub, total)| series.gauge(&[("hub", hub)], total.users as u64))
        })?;
        out.counters(
            "wps_reconnect",
            "What became of reliable clients that lost their sockets: they came back, not in time, or to no connection",
            None,
            |series| {
                series.counter(&[("result", "resumed")], counters.recovered)?;
                series.counter(&[("result", "expired")], counters.expired)?;
                series.counter(&[("result", "refused")], http.not_recovered)
            },
        )
    }

    fn traffic(&self, out: &mut Out<'_>) -> fmt::Result {
        let Gathered { counters, driver, calls, .. } = &self.gathered;
        let bytes = Some(&Unit::Bytes);
        out.counters(
            "wps_messages",
            "Data messages from clients, and to clients once for each receiver",
            None,
            |series| {
                series.counter(&[("direction", "in")], counters.messages_in)?;
                series.counter(&[("direction", "out")], counters.messages_out)
            },
        )?;
        out.counter("wps_inbound", "Bytes read from clients, without TLS", bytes, driver.bytes_in)?;
        out.counters(
            "wps_outbound",
            "Bytes written to clients, without TLS, and in bodies of requests to event handlers",
            bytes,
            |series| {
                series.counter(&[("target", "client")], counters.bytes_out)?;
                series.counter(&[("target", "upstream")], calls.sent_bytes)
            },
        )?;
        out.gauge(
            "wps_send_queue",
            "Bytes that wait for sockets of clients",
            bytes,
            self.gathered.queued_bytes as u64,
        )?;
        out.gauge(
            "wps_reliable_buffer_messages",
            "Messages that reliable clients have not acknowledged",
            None,
            self.gathered.unacked,
        )?;
        out.counter(
            "wps_slow_client_drops",
            "Clients that were cut because they did not read",
            None,
            counters.slow_consumers,
        )?;
        out.histograms(
            "wps_turn_duration",
            "Length of the turns of the threads that serve connections",
            |series| series.histogram(NO_LABELS, &driver.turns),
        )
    }

    fn requests(&self, out: &mut Out<'_>) -> fmt::Result {
        let http = &self.gathered.http;
        out.counters("wps_rest_requests", "REST requests by category and status", None, |series| {
            for (category, counts) in &http.rest {
                for (status, count) in &counts.by_status {
                    series.counter(&[("category", category), ("status", &status.to_string())], *count)?;
                }
            }
            Ok(())
        })?;
        out.histograms("wps_rest_request_duration", "How long REST requests took by category", |series| {
            let mut rest = http.rest.iter();
            rest.try_for_each(|(category, counts)| {
                series.histogram(&[("category", category)], &counts.durations)
            })
        })?;
        out.counters("wps_client_requests", "Handshakes of clients by status", None, |series| {
            http.handshakes.iter().try_for_each(|(status, count)| {
                series.counter(&[("client_type", "WebPubSub"), ("status", &status.to_string())], *count)
            })
        })
    }

    fn calls(&self, out: &mut Out<'_>) -> fmt::Result {
        let calls = limited_calls(&self.gathered.calls);
        out.counters(
            "wps_event_handler_failures",
            "Events that were not handled, by hub, kind and class of the handler's last answer",
            None,
            |series| calls.iter().try_for_each(|(key, calls)| series.counter(&labels(key), calls.failed)),
        )?;
        out.histograms(
            "wps_event_handler_duration",
            "How long event handlers took, all attempts together, by hub, kind and class of the last answer",
            |series| {
                calls.iter().try_for_each(|(key, calls)| series.histogram(&labels(key), &calls.durations))
            },
        )
    }

    fn service(&self, out: &mut Out<'_>) -> fmt::Result {
        let seconds = Some(&Unit::Seconds);
        out.gauges("wps_build_info", "The version that runs", None, |series| {
            series.gauge(&[("version", env!("CARGO_PKG_VERSION"))], 1_u64)
        })?;
        out.gauge("wps_shards", "Threads that serve connections", None, self.shards as u64)?;
        out.gauge("process_start_time", "When the service was started, since 1970", seconds, self.started_s)?;
        let Process { cpu_s, resident_bytes, open_files } = self.process;
        if let Some(cpu_s) = cpu_s {
            out.counter("process_cpu", "Time on processors", seconds, cpu_s)?;
        }
        if let Some(resident_bytes) = resident_bytes {
            let help = "Memory that is in use";
            out.gauge("process_resident_memory", help, Some(&Unit::Bytes), resident_bytes)?;
        }
        if let Some(open_files) = open_files {
            out.gauge("process_open_fds", "Open files, sockets included", None, open_files)?;
        }
        Ok(())
    }
}

/// The hubs with series of their own, the first ones by name, and all others together.
fn limited(hubs: &BTreeMap<Arc<str>, HubTotal>) -> BTreeMap<&str, HubTotal> {
    let mut limited = BTreeMap::<&str, HubTotal>::new();
    for (at, (hub, total)) in hubs.iter().enumerate() {
        limited.entry(if at < HUBS_MAX { hub } else { OTHER }).or_default().add(total);
    }
    limited
}

/// A call's hub, kind of event and class of status.
type CallLabels<'a> = (&'a str, &'static str, &'static str);

fn limited_calls(report: &CallReport) -> BTreeMap<CallLabels<'_>, Calls> {
    let (mut limited, mut hubs) = (BTreeMap::<CallLabels<'_>, Calls>::new(), Vec::<&str>::new());
    for (CallKey { hub, event, status }, calls) in &report.calls {
        if hubs.last() != Some(&&**hub) {
            hubs.push(hub);
        }
        let hub = if hubs.len() <= HUBS_MAX { hub } else { OTHER };
        match limited.entry((hub, event, status)) {
            std::collections::btree_map::Entry::Vacant(entry) => _ = entry.insert(*calls),
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                known.durations.add(&calls.durations);
                known.failed += calls.failed;
                known.total += calls.total;
            }
        }
    }
    limited
}

fn labels<'a>((hub, event, status): &CallLabels<'a>) -> [(&'static str, &'a str); 3] {
    [("hub", hub), ("event", event), ("status", status)]
}

/// Labels of a metric that has none.
const NO_LABELS: &[(&str, &str)] = &[];

/// Families of metrics on their way out.
struct Out<'a>(DescriptorEncoder<'a>);

/// The metrics of one family.
struct Series<'a>(MetricEncoder<'a>);

impl Out<'_> {
    fn counters(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        series: impl FnOnce(&mut Series<'_>) -> fmt::Result,
    ) -> fmt::Result {
        series(&mut Series(self.0.encode_descriptor(name, help, unit, MetricType::Counter)?))
    }

    fn counter(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: impl EncodeCounterValue,
    ) -> fmt::Result {
        self.counters(name, help, unit, |series| series.counter(NO_LABELS, value))
    }

    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        series: impl FnOnce(&mut Series<'_>) -> fmt::Result,
    ) -> fmt::Result {
        series(&mut Series(self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?))
    }

    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: impl EncodeGaugeValue,
    ) -> fmt::Result {
        self.gauges(name, help, unit, |series| series.gauge(NO_LABELS, value))
    }

    /// Durations in seconds.
    fn histograms(
        &mut self,
        name: &str,
        help: &str,
        series: impl FnOnce(&mut Series<'_>) -> fmt::Result,
    ) -> fmt::Result {
        series(&mut Series(self.0.encode_descriptor(
            name,
            help,
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?))
    }
}

impl Series<'_> {
    fn counter(&mut self, labels: &[(&str, &str)], value: impl EncodeCounterValue) -> fmt::Result {
        self.0.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&value, None)
    }

    fn gauge(&mut self, labels: &[(&str, &str)], value: impl EncodeGaugeValue) -> fmt::Result {
        self.0.encode_family(&labels)?.encode_gauge(&value)
    }

    #[expect(clippy::cast_precision_loss, reason = "microseconds are exact for a thousand years")]
    fn histogram<const N: usize>(
        &mut self,
        labels: &[(&str, &str)],
        histogram: &Histogram<N>,
    ) -> fmt::Result {
        let seconds = |us: u64| us as f64 / 1e6;
        let mut buckets: Vec<(f64, u64)> =
            histogram.buckets().map(|(bound_us, count)| (seconds(bound_us), count)).collect();
        let below: u64 = buckets.iter().map(|(_, count)| count).sum();
        buckets.push((f64::INFINITY, histogram.total() - below));
        self.0.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
            seconds(histogram.sum_us()),
            histogram.total(),
            &buckets,
            None,
        )
    }
}

#[cfg(test)]
mod tests;
