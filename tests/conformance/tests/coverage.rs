//! Every operation of the API is called by each SDK's scenario, or it stands in `uncovered.txt`.

use std::collections::BTreeSet;
use std::fs;

use conformance::calls;

/// How many lines `uncovered.txt` had when it was first written. It may only shrink.
const UNCOVERED_MAX: usize = 38;

const SDKS: [&str; 5] = ["boto3", "cli", "go", "js", "rust"];

#[test]
fn what_no_scenario_calls_stands_in_the_list() {
    let spec = fs::read_to_string(calls::folder().join("../../spec/ivs-realtime.json")).unwrap();
    let spec: serde_json::Value = serde_json::from_str(&spec).unwrap();
    let operations: BTreeSet<String> = spec["operations"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    let uncovered = fs::read_to_string(calls::folder().join("uncovered.txt")).unwrap();
    let listed: Vec<&str> = uncovered
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert!(listed.len() <= UNCOVERED_MAX);
    let mut missing = BTreeSet::new();
    for sdk in SDKS {
        let calls = fs::read_to_string(calls::list(sdk)).unwrap();
        let called: BTreeSet<String> = calls
            .lines()
            .filter_map(|line| line.split(' ').next())
            .map(str::to_owned)
            .collect();
        assert_eq!(
            called.difference(&operations).next(),
            None,
            "{sdk} calls what is no operation"
        );
        missing.extend(
            operations
                .difference(&called)
                .map(|operation| format!("{sdk} {operation}")),
        );
    }
    let listed: BTreeSet<String> = listed.into_iter().map(str::to_owned).collect();
    assert_eq!(missing, listed);
}
