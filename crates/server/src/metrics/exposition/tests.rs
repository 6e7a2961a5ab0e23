use std::time::Duration;

use http::StatusCode;

use super::*;

fn exposition(hubs: usize) -> Exposition {
    let total = HubTotal { by_protocol: [1, 2, 0, 0, 0], users: 1, groups: 3 };
    let mut gathered = Gathered {
        hubs: (0..hubs).map(|at| (Arc::from(format!("hub{at:03}")), total)).collect(),
        ..Gathered::default()
    };
    gathered.counters.closed.count(CloseCategory::PingTimeout);
    gathered.driver.turns.count(30);
    gathered.driver.turns.count(u64::MAX / 2);
    let meter = crate::metrics::HttpMeter::default();
    meter.rest("SendToAll", StatusCode::ACCEPTED, Duration::from_millis(2));
    meter.handshake(StatusCode::UNAUTHORIZED);
    gathered.http.add(&meter.read());
    let process = Process { cpu_s: Some(1.5), resident_bytes: Some(7), open_files: None };
    Exposition { gathered, process, started_s: 1_700_000_000.5, shards: 2, connections_max: 600 }
}

#[test]
fn counters_have_their_names_in_both_formats() {
    let (prometheus, open_metrics) =
        (exposition(1).write(Format::Prometheus), exposition(1).write(Format::OpenMetrics));
    for line in [
        "wps_connections{hub=\"hub000\",protocol=\"json.webpubsub.azure.v1\"} 2",
        "wps_connections_closed_total{category=\"PingTimeout\"} 1",
        "wps_connections_closed_total{category=\"Unauthorized\"} 1",
        "wps_connections_closed_total{category=\"Throttled\"} 0",
        "wps_connection_quota_ratio 0.005",
        "wps_turn_duration_seconds_bucket{le=\"+Inf\"} 2",
        "wps_turn_duration_seconds_count 2",
        "wps_rest_requests_total{category=\"SendToAll\",status=\"202\"} 1",
        "wps_rest_request_duration_seconds_count{category=\"SendToAll\"} 1",
        "wps_client_requests_total{client_type=\"WebPubSub\",status=\"401\"} 1",
        "process_cpu_seconds_total 1.5",
        "process_resident_memory_bytes 7",
        "process_start_time_seconds 1700000000.5",
    ] {
        let has = |document: &str| document.lines().any(|own| own == line);
        assert!(has(&prometheus), "{line}\n{prometheus}");
        assert!(has(&open_metrics), "{line}\n{open_metrics}");
    }
    assert!(prometheus.contains("# TYPE wps_connections_closed_total counter\n"));
    assert!(open_metrics.contains("# TYPE wps_connections_closed counter\n"));
    assert!(open_metrics.ends_with("# EOF\n") && !prometheus.contains("# EOF"));
    assert!(!prometheus.contains("process_open_fds"), "what is not known is not told");
}

#[test]
fn hubs_beyond_the_limit_are_one() {
    let mut many = exposition(HUBS_MAX + 20);
    // A hub may have that name, too.
    many.gathered.hubs.insert("other".into(), HubTotal { users: 5, ..HubTotal::default() });
    let text = many.write(Format::Prometheus);
    let users = |hub: &str| {
        let prefix = format!("wps_users{{hub=\"{hub}\"}} ");
        text.lines().filter_map(|line| line.strip_prefix(&prefix)).collect::<Vec<_>>()
    };
    assert_eq!(text.lines().filter(|line| line.starts_with("wps_users{")).count(), HUBS_MAX + 1);
    assert_eq!((users("hub099"), users("hub100")), (vec!["1"], vec![]));
    assert_eq!(users(OTHER), ["25"]);
}
