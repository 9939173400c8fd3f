//! Every constraint of every input member, valid and invalid, with the values made from `spec/`.

use serde_json::{Value, json};
use wire::error::ErrorShape;
use wire::{Operation, RequestParts};

use crate::model::Model;

// T10: single faults over the whole model.
#[test]
fn t10_each_single_fault_is_refused_at_its_member_and_each_valid_change_is_read() {
    let model = Model::read();
    let (mut valid, mut faults) = (0, 0);
    for operation in Operation::ALL {
        for case in model.cases(operation) {
            let read = model.check(operation, &case.value);
            let name = operation.name();
            match case.fault {
                None => {
                    valid += 1;
                    assert_eq!(read, Ok(()), "{name} {}", case.value);
                }
                Some((at, message)) => {
                    faults += 1;
                    let invalid = read.expect_err(&format!("{name} {at} {message} {}", case.value));
                    assert_eq!(invalid.at, at, "{name} {invalid} {}", case.value);
                    assert!(
                        invalid.message.contains(&message),
                        "{name} {at}: {invalid}, not {message}"
                    );
                }
            }
        }
    }
    assert!(
        valid > 600 && faults > 1_500,
        "the model shrank: {valid} valid, {faults} faults"
    );
}

#[test]
fn a_refusal_quotes_no_value() {
    let model = Model::read();
    let canary = "canary value\u{1}";
    for operation in Operation::ALL {
        let name = model.operation(operation)["input"].as_str().unwrap();
        let full = model.full(name);
        for member in full.as_object().unwrap().keys() {
            for value in [
                json!(canary),
                json!([canary]),
                json!({ canary: canary }),
                json!([{ canary: [canary] }]),
            ] {
                let body = serde_json::to_vec(&json!({ member: value })).unwrap();
                let query = "tagKeys=%zzcanary";
                let parts = RequestParts {
                    body: &body,
                    label: Some("canary%20value%01"),
                    query,
                };
                if let Err(invalid) = wire::check(operation, &parts) {
                    assert!(!invalid.to_string().contains("canary"), "{invalid}");
                }
            }
        }
    }
}

#[test]
fn operations_are_those_of_the_model_with_their_routes_and_errors() {
    let model = Model::read();
    assert_eq!(Operation::ALL.len(), model.operation_count());
    for operation in Operation::ALL {
        let modelled = model.operation(operation);
        assert_eq!(modelled["method"], operation.method());
        assert_eq!(modelled["uri"], operation.path());
        let mut declared: Vec<_> = operation
            .errors()
            .iter()
            .map(|error| json!(error.name()))
            .collect();
        declared.sort_by_key(Value::to_string);
        let mut errors = modelled["errors"].as_array().unwrap().clone();
        errors.sort_by_key(Value::to_string);
        assert_eq!(declared, errors, "{}", operation.name());
    }
    for error in ErrorShape::ALL {
        assert_eq!(model.shape(error.name())["status"], error.status());
    }
    let with_headers: Vec<_> = Operation::ALL
        .into_iter()
        .filter(|operation| operation.success_headers())
        .collect();
    let expected = [
        Operation::CreateIngestConfiguration,
        Operation::StartParticipantReplication,
        Operation::StopParticipantReplication,
        Operation::UpdateIngestConfiguration,
    ];
    assert_eq!(with_headers, expected);
}
