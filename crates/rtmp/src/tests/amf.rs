//! AMF0 that is hostile.

use crate::amf0::{Reader, Value};
use crate::{Fault, Limits};

use super::wire::{Served, amf, message};

fn read(body: &[u8]) -> Result<Vec<Value>, Fault> {
    let limits = Limits::default();
    let mut reader = Reader::new(body, &limits);
    let mut values = Vec::new();
    while let Some(value) = reader.value()? {
        values.push(value);
    }
    Ok(values)
}

#[test]
fn t51_objects_and_arrays_inside_each_other_have_a_bound() {
    let depth = Fault::AmfLimit {
        what: "objects inside each other",
        max: 16,
    };
    let nests: [&[u8]; 4] = [
        &[3, 0, 1, b'a'],
        &[8, 0, 0, 0, 1, 0, 1, b'a'],
        &[10, 0, 0, 0, 1],
        &[16, 0, 1, b'c', 0, 1, b'a'],
    ];
    for nest in nests {
        assert_eq!(read(&nest.repeat(100_000)), Err(depth.clone()));
        let mut just = nest.repeat(16);
        just.push(5);
        if nest[0] != 10 {
            just.extend([0, 0, 9].repeat(16));
        }
        assert!(read(&just).is_ok());
    }
}

#[test]
fn t51_counts_are_claims() {
    let short = Err(Fault::Amf("the message ends inside of a value"));
    assert_eq!(read(&[10, 0xff, 0xff, 0xff, 0xff]), short);
    assert_eq!(read(&[8, 0xff, 0xff, 0xff, 0xff]), short);
    assert_eq!(
        read(&[8, 0xff, 0xff, 0xff, 0xff, 0, 0, 9]),
        Ok(vec![Value::EcmaArray(vec![])])
    );
    let values = Err(Fault::AmfLimit {
        what: "values",
        max: 1_024,
    });
    let many = [&[10, 0xff, 0xff, 0xff, 0xff][..], &[5; 10_000]].concat();
    assert_eq!(read(&many), values);
    assert_eq!(read(&[5; 1_025]), values);
    assert!(read(&[5; 1_024]).is_ok());
}

#[test]
fn t51_strings_end_with_the_message_and_have_a_bound() {
    let short = Err(Fault::Amf("the message ends inside of a value"));
    for body in [
        &[2, 0, 5, b'a'][..],
        &[2, 0],
        &[12, 0, 0, 0, 9, b'a'],
        &[3, 0, 9, b'a'],
        &[15, 0, 0],
    ] {
        assert_eq!(read(body), short);
    }
    let long = Err(Fault::AmfLimit {
        what: "bytes of a string",
        max: 16_384,
    });
    assert_eq!(read(&[12, 0xff, 0xff, 0xff, 0xff]), long);
    assert_eq!(read(&[2, 0xff, 0xff]), long);
    assert_eq!(
        read(&[2, 0, 2, 0xff, b'a']),
        Ok(vec![Value::string("\u{fffd}a")]),
        "what is no UTF-8 is replaced"
    );
}

#[test]
fn t51_references_amf3_and_unknown_values_are_faults() {
    for (marker, what) in [
        (7, "a reference"),
        (17, "a value of AMF3"),
        (9, "the end of an object outside of one"),
        (4, "a value of an unknown type"),
        (14, "a value of an unknown type"),
        (18, "a value of an unknown type"),
        (255, "a value of an unknown type"),
    ] {
        assert_eq!(read(&[marker, 0, 0]), Err(Fault::Amf(what)));
        assert_eq!(read(&[3, 0, 1, b'a', marker, 0, 0]), Err(Fault::Amf(what)));
    }
}

#[test]
fn t51_dates_undefined_and_unsupported_values_are_read() {
    let mut date = vec![11];
    date.extend(1_500.0_f64.to_be_bytes());
    date.extend([0xff, 0xc4]);
    date.extend([6, 13]);
    assert_eq!(
        read(&date),
        Ok(vec![
            Value::Date(1_500.0),
            Value::Undefined,
            Value::Undefined
        ])
    );
    assert!(read(&date[..9]).is_err());
    assert_eq!(
        read(b"\x10\x00\x03cls\x00\x01a\x01\x01\x00\x00\x09"),
        Ok(vec![Value::object([("a", Value::Boolean(true))])])
    );
}

#[test]
fn t51_a_fault_in_a_command_or_in_metadata_ends_the_session() {
    let nested = [
        &amf(&["connect".into(), 1.0.into()])[..],
        &[3, 0, 1, b'a'].repeat(50),
    ]
    .concat();
    let mut served = Served::shaken();
    let sent = served.receive(&message(3, 0, 20, 0, &nested));
    assert!(matches!(sent, Err(Fault::AmfLimit { .. })));
    assert_eq!(served.receive(&[]), sent);

    let mut served = Served::publishing();
    let cut = [
        &amf(&["@setDataFrame".into(), "onMetaData".into()])[..],
        &[8, 0, 0],
    ]
    .concat();
    assert!(matches!(
        served.receive(&message(4, 0, 18, 1, &cut)),
        Err(Fault::Amf(_))
    ));

    for body in [&[][..], &[5], &[0, 0], &[3, 0, 0, 9]] {
        let sent = Served::shaken().receive(&message(3, 0, 20, 0, body));
        assert!(matches!(sent, Err(Fault::Amf(_))), "{body:?}");
    }
}

#[test]
fn the_last_of_several_members_of_a_name_counts() {
    let object = Value::object([("a", 1.0.into()), ("b", 2.0.into()), ("a", 3.0.into())]);
    assert_eq!(object.get("a").and_then(Value::as_f64), Some(3.0));
    assert_eq!(object.get("c"), None);
    assert_eq!(Value::Null.get("a"), None);
}
