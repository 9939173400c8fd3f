//! Handshakes, as they should not be.

use crate::Fault;

use super::wire::Served;

#[test]
fn r3_t49_encrypted_rtmp_and_unknown_versions_are_refused_at_their_first_byte() {
    for version in [6, 8, 9] {
        assert_eq!(
            Served::new().receive(&[version]),
            Err(Fault::Encrypted(version))
        );
    }
    for version in [0, 1, 2, 4, 255] {
        assert_eq!(
            Served::new().receive(&[version]),
            Err(Fault::Version(version))
        );
    }
}

#[test]
fn t54_who_has_taken_the_port_for_that_of_another_protocol_is_told_so() {
    assert_eq!(Served::new().receive(&[22, 3, 1]), Err(Fault::Tls));
    for method in ["GET / HTTP/1.1", "POST /open/1 HTTP/1.1"] {
        assert_eq!(Served::new().receive(method.as_bytes()), Err(Fault::Http));
    }
}

#[test]
fn r4_a_handshake_in_single_bytes_is_answered_when_it_is_whole() {
    let mut served = Served::new();
    let mut hello = vec![3];
    hello.extend([0x5a; 1_536]);
    let (last, most) = hello.split_last().unwrap();
    for byte in most {
        served.receive(&[*byte]).unwrap();
    }
    assert!(served.said.is_empty(), "a short C1 is answered by nothing");
    served.receive(&[*last]).unwrap();
    assert_eq!(served.said.len(), 1 + 2 * 1_536);
    assert_eq!(served.said[1 + 1_536..], hello[1..], "S2 repeats C1");
    assert!(!served.session.is_shaken());
    for _ in 0..1_536 {
        assert!(!served.session.is_shaken());
        served.receive(&[0]).unwrap();
    }
    assert!(served.session.is_shaken());
}

#[test]
fn t49_a_session_that_is_silent_or_slow_is_not_shaken_and_holds_one_block() {
    let mut served = Served::new();
    assert!(!served.session.is_shaken());
    served.receive(&[3]).unwrap();
    served.receive(&[0; 1_535]).unwrap();
    assert!(!served.session.is_shaken());
    assert!(served.said.is_empty());
}
