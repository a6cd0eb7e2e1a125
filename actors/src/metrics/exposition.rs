//! From OpenMetrics 1.0 to the classic text format 0.0.4.
//!
//! The two differ, for counters, gauges and histograms, in little: the classic format describes a counter under the name
//! of its samples, `…_total`; it has no units, no `info` type, no exemplars and no end mark.

/// The classic form of an OpenMetrics text as the registry writes it.
pub(super) fn to_classic(open_metrics: &str) -> String {
    let mut classic = String::with_capacity(open_metrics.len());
    let mut help: Option<(&str, &str)> = None;
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            if let Some((name, kind)) = rest.split_once(' ') {
                describe(&mut classic, name, kind, help.take());
            }
        } else if !line.starts_with('#') {
            classic.push_str(without_exemplar(line));
            classic.push('\n');
        }
    }
    classic
}

fn describe(classic: &mut String, name: &str, kind: &str, help: Option<(&str, &str)>) {
    let (suffix, kind) = match kind {
        "counter" => ("_total", "counter"),
        "info" => ("_info", "gauge"),
        "stateset" => ("", "gauge"),
        "unknown" => ("", "untyped"),
        other => ("", other),
    };
    if let Some((_, text)) = help.filter(|(described, _)| *described == name) {
        classic.push_str(&format!("# HELP {name}{suffix} {text}\n"));
    }
    classic.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
}

/// A sample without what follows ` # ` outside of a quoted label value.
fn without_exemplar(line: &str) -> &str {
    if !line.contains('#') {
        return line;
    }
    let (mut quoted, mut escaped) = (false, false);
    for (position, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'#' if !quoted => return line[..position].trim_end(),
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_described_under_the_name_of_their_samples() {
        let open_metrics = "# HELP a_b Text here.\n# TYPE a_b counter\na_b_total{x=\"y\"} 3\n# EOF\n";
        let classic = "# HELP a_b_total Text here.\n# TYPE a_b_total counter\na_b_total{x=\"y\"} 3\n";
        assert_eq!(to_classic(open_metrics), classic);
    }

    #[test]
    fn gauges_keep_their_name_and_lose_their_unit() {
        let open_metrics =
            "# HELP a_bytes Text.\n# TYPE a_bytes gauge\n# UNIT a_bytes bytes\na_bytes 1\n# EOF\n";
        assert_eq!(to_classic(open_metrics), "# HELP a_bytes Text.\n# TYPE a_bytes gauge\na_bytes 1\n");
    }

    #[test]
    fn an_info_becomes_a_gauge() {
        let open_metrics = "# HELP build Text.\n# TYPE build info\nbuild_info{v=\"1\"} 1\n# EOF\n";
        let classic = "# HELP build_info Text.\n# TYPE build_info gauge\nbuild_info{v=\"1\"} 1\n";
        assert_eq!(to_classic(open_metrics), classic);
    }

    #[test]
    fn a_histogram_stays_as_it_is() {
        let classic = "# HELP a_seconds Text.\n# TYPE a_seconds histogram\na_seconds_sum 0.5\na_seconds_count 1\n\
                       a_seconds_bucket{le=\"1.0\"} 1\na_seconds_bucket{le=\"+Inf\"} 1\n";
        let open_metrics =
            classic.replace("a_seconds_sum", "# UNIT a_seconds seconds\na_seconds_sum") + "# EOF\n";
        assert_eq!(to_classic(&open_metrics), classic);
    }

    #[test]
    fn exemplars_go_and_hash_marks_in_labels_stay() {
        let sample = "a_total{x=\"say \\\"#1\\\" # 2\"} 3 # {trace=\"t\"} 1 2";
        assert_eq!(without_exemplar(sample), "a_total{x=\"say \\\"#1\\\" # 2\"} 3");
    }
}
