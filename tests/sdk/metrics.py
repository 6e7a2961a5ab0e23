"""Reads metrics from standard input, in the format that is named, and prints them as one JSON object: each sample with
its labels, by name. Fails on what the parsers of the official client do not accept, on samples that are there twice, and on
counters and histograms that are none."""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

text = sys.stdin.read()
families = list({"prometheus": prometheus, "openmetrics": open_metrics}[sys.argv[1]](text))
samples, seen = {}, set()
for family in families:
    assert family.documentation, family.name
    assert family.type in ("counter", "gauge", "histogram"), (family.name, family.type)
    cumulative = {}
    for sample in family.samples:
        key = (sample.name, tuple(sorted(sample.labels.items())))
        assert key not in seen, key
        seen.add(key)
        if family.type == "counter":
            assert sample.name.endswith("_total"), sample.name
        if sample.name.endswith("_bucket"):
            of = tuple(sorted(label for label in sample.labels.items() if label[0] != "le"))
            assert sample.value >= cumulative.get(of, 0), sample
            cumulative[of] = sample.value
        samples.setdefault(sample.name, []).append({"labels": sample.labels, "value": sample.value})
print(json.dumps(samples))
