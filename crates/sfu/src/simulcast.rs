//! The encodings of one video that an offer announces: `a=rid` (RFC 8851) and `a=simulcast` (RFC 8853).
//!
//! Restrictions (`max-width` and the like) are not looked at: what counts is what arrives. Absent are the SSRC groups by which
//! browsers did simulcast before there was a standard.

use std::collections::BTreeSet;

use str0m::media::Rid;

use crate::io::LayerLabel;
use crate::packet::Track;
use crate::sdp::MediaSection;

/// Most encodings that an offer may name; more is no camera.
const NAMES_MAX: usize = 64;

/// The encodings that a section offers to send, in its order; the first [`Track::LAYERS_MAX`] of them. None unless
/// `a=simulcast` names them: an `a=rid` alone is not simulcast. The error names the part that is wrong.
pub(crate) fn layers(section: &MediaSection<'_>) -> Result<Vec<LayerLabel>, &'static str> {
    let announced = announced(section)?;
    let mut lists = section.attributes.all("simulcast");
    let Some(list) = lists.next() else {
        return Ok(Vec::new());
    };
    if lists.next().is_some() {
        return Err("simulcast twice");
    }
    let mut layers: Vec<LayerLabel> = Vec::new();
    for group in sent(list)? {
        // Alternatives are in order of preference (RFC 8853 section 5.1), and all that are announced are understood here.
        let chosen = group.into_iter().find(|name| announced.contains(name));
        let Some(label) = chosen.and_then(LayerLabel::parse) else {
            continue;
        };
        // What a packet can carry is letters and digits (RFC 8852 section 3).
        let is_carried = label
            .as_str()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric());
        let is_distinct = !layers.iter().any(|other| rid(other) == rid(&label));
        if is_carried && is_distinct && layers.len() < Track::LAYERS_MAX {
            layers.push(label);
        }
    }
    Ok(layers)
}

/// The name as str0m keeps it: cut to 8 bytes.
pub(crate) fn rid(label: &LayerLabel) -> Rid {
    Rid::from(label.as_str())
}

/// The names of all `a=rid:<name> send` lines.
fn announced<'a>(section: &MediaSection<'a>) -> Result<BTreeSet<&'a str>, &'static str> {
    let mut names = BTreeSet::new();
    let mut all = BTreeSet::new();
    for value in section.attributes.all("rid") {
        let mut words = value.split(' ');
        let (Some(name), Some(direction)) = (words.next(), words.next()) else {
            return Err("rid");
        };
        if LayerLabel::parse(name).is_none() {
            return Err("rid name");
        }
        // RFC 8851 section 4: a name is used once in a section, whichever its direction.
        if !all.insert(name) {
            return Err("rid twice");
        }
        if all.len() > NAMES_MAX {
            return Err("too many rids");
        }
        match direction {
            "send" => _ = names.insert(name),
            "recv" => {}
            _ => return Err("rid direction"),
        }
    }
    Ok(names)
}

/// The groups of alternatives behind `send`; a `~` (paused for now) is taken off.
fn sent(value: &str) -> Result<Vec<Vec<&str>>, &'static str> {
    let words: Vec<_> = value.split_ascii_whitespace().collect();
    let lists: &[(&str, &str)] = match words.as_slice() {
        [way, list] => &[(way, list)],
        [way, list, other, second] if way != other => &[(way, list), (other, second)],
        _ => return Err("simulcast"),
    };
    let mut groups = Vec::new();
    let mut names = BTreeSet::new();
    for (way, list) in lists {
        if !matches!(*way, "send" | "recv") {
            return Err("simulcast direction");
        }
        // Some write the separator behind the last one too.
        let list = list.strip_suffix(';').unwrap_or(list);
        for group in list.split(';').filter(|_| *way == "send") {
            let group: Vec<_> = group
                .split(',')
                .map(|name| name.strip_prefix('~').unwrap_or(name))
                .collect();
            for name in &group {
                if LayerLabel::parse(name).is_none() {
                    return Err("simulcast name");
                }
                if !names.insert(*name) {
                    return Err("simulcast name twice");
                }
                if names.len() > NAMES_MAX {
                    return Err("too many simulcast names");
                }
            }
            groups.push(group);
        }
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sdp;

    const HEAD: &str = "v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\nt=0 0\nm=video 9 UDP/TLS/RTP/SAVPF 96\n";

    fn read(lines: &str) -> Result<Vec<String>, &'static str> {
        let text = format!("{HEAD}{lines}");
        let description = sdp::read(&text)?;
        let layers = layers(&description.sections[0])?;
        Ok(layers
            .iter()
            .map(|label| label.as_str().to_owned())
            .collect())
    }

    /// Announces the names, then writes `a=simulcast:` with the value.
    fn offer(names: &[&str], value: &str) -> Result<Vec<String>, &'static str> {
        let rids: Vec<_> = names
            .iter()
            .map(|name| format!("a=rid:{name} send\n"))
            .collect();
        let rids = rids.concat();
        read(&format!("{rids}a=simulcast:{value}\n"))
    }

    #[test]
    fn the_first_three_of_a_list_are_taken_in_its_order() {
        assert_eq!(
            offer(&["q", "h", "f"], "send q;h;f").unwrap(),
            ["q", "h", "f"]
        );
        assert_eq!(
            offer(&["f", "h", "q"], "send q;h;f").unwrap(),
            ["q", "h", "f"]
        );
        assert_eq!(
            offer(&["0", "1", "2"], "send 0;1;2;").unwrap(),
            ["0", "1", "2"]
        );
        let four = offer(&["a", "b", "c", "d"], "send a;b;c;d").unwrap();
        assert_eq!(four, ["a", "b", "c"]);
        assert_eq!(offer(&["only"], "send only").unwrap(), ["only"]);
    }

    #[test]
    fn of_alternatives_the_first_that_is_announced_is_taken_and_a_pause_is_no_matter() {
        assert_eq!(offer(&["a", "b", "c"], "send a,b;~c").unwrap(), ["a", "c"]);
        assert_eq!(offer(&["b", "c"], "send a,b;c").unwrap(), ["b", "c"]);
        assert_eq!(
            offer(&["a", "c"], "recv x;y send a;b;c").unwrap(),
            ["a", "c"]
        );
        assert_eq!(offer(&["a"], "recv a").unwrap(), [""; 0]);
    }

    #[test]
    fn restrictions_and_payload_types_are_passed_over() {
        let lines = "a=rid:hi send pt=96,97;max-width=1280;max-height=720;max-br=1700000\n\
                     a=rid:lo send max-fps=15;custom\na=rid:in recv\na=simulcast:send hi;lo recv in\n";
        assert_eq!(read(lines).unwrap(), ["hi", "lo"]);
    }

    #[test]
    fn t36_a_rid_without_simulcast_and_simulcast_without_a_rid_are_no_layers() {
        assert_eq!(read("a=rid:q send\na=rid:h send\n").unwrap(), [""; 0]);
        assert_eq!(read("a=simulcast:send q;h;f\n").unwrap(), [""; 0]);
    }

    #[test]
    fn t36_twenty_rids_are_three_layers_and_hundreds_are_refused() {
        let names = |count: usize| (0..count).map(|at| format!("l{at}")).collect::<Vec<_>>();
        let read = |count: usize| {
            let names = names(count);
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            offer(&names, &format!("send {}", names.join(";")))
        };
        assert_eq!(read(20).unwrap(), ["l0", "l1", "l2"]);
        assert_eq!(read(300), Err("too many rids"));
        let list = names(300).join(";");
        assert_eq!(
            offer(&["l0"], &format!("send {list}")),
            Err("too many simulcast names")
        );
    }

    #[test]
    fn t36_names_that_are_repeated_or_odd_are_malformed() {
        assert_eq!(offer(&["q", "q"], "send q"), Err("rid twice"));
        assert_eq!(offer(&["q"], "send q;q"), Err("simulcast name twice"));
        assert_eq!(offer(&["q"], "send q,q"), Err("simulcast name twice"));
        for name in ["", "~q", "q.h", "\u{fc}", "seventeen-letters", "a\tb"] {
            assert_eq!(offer(&[name], "send q"), Err("rid name"), "{name:?}");
        }
        for value in [
            "",
            "send",
            "q;h",
            "send q h",
            "both q",
            "send q send h",
            "send ;q",
        ] {
            assert!(offer(&["q", "h"], value).is_err(), "{value:?}");
        }
        assert_eq!(
            read("a=simulcast:send q\na=simulcast:send h\n"),
            Err("simulcast twice")
        );
        assert_eq!(read("a=rid:q\n"), Err("rid"));
        assert_eq!(read("a=rid:q both\n"), Err("rid direction"));
    }

    #[test]
    fn t36_names_that_cannot_be_told_apart_or_carried_are_left_out() {
        let names = ["long1name1", "long1name2", "a-b", "a_b", "c"];
        let layers = offer(&names, "send long1name1;long1name2;a-b;a_b;c");
        assert_eq!(layers.unwrap(), ["long1name1", "c"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn t36_arbitrary_lines_never_panic(
            rids in prop::collection::vec("[a-c;,~ =]{0,6}( send| recv)?", 0..6),
            value in "(send|recv)?[a-c;,~ ]{0,12}",
        ) {
            let rids: Vec<_> = rids.iter().map(|rid| format!("a=rid:{rid}\n")).collect();
            let rids = rids.concat();
            if let Ok(layers) = read(&format!("{rids}a=simulcast:{value}\n")) {
                prop_assert!(layers.len() <= 3);
            }
        }
    }
}
