//! What a client wants: of those whom it has named, and of everybody else. The strategy behind it is the client's affair.

use std::collections::BTreeMap;

use model::{ConnectionId, ParticipantId};
use sfu::{VideoWant, Want};

use super::message::{DefaultWant, Kind, Pid, Sub, SubEntry, Whom};

/// Participants of whom something else than the default can be wanted at once, those who are not there included.
pub(super) const ENTRIES_MAX: usize = 1_024;

/// The wants of one session.
#[derive(Debug)]
pub(super) struct Wants {
    default: DefaultWant,
    entries: BTreeMap<ParticipantId, SubEntry>,
}

/// There would be more than [`ENTRIES_MAX`]. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Wants {
    pub(super) fn new(default: DefaultWant) -> Self {
        Self {
            default,
            entries: BTreeMap::new(),
        }
    }

    /// Takes a message over. Where it names a participant twice, the last word counts, and `reset` comes first.
    pub(super) fn change(&mut self, sub: &Sub) -> Result<(), TooMany> {
        let mut entries = self.entries.clone();
        for Pid(id) in &sub.reset {
            entries.remove(id);
        }
        for entry in &sub.set {
            entries.insert(entry.pid.0.clone(), entry.clone());
        }
        if entries.len() > ENTRIES_MAX {
            return Err(TooMany);
        }
        self.entries = entries;
        Ok(())
    }

    /// What is wanted of a participant that publishes by that connection; `None` if nothing is.
    pub(super) fn of(&self, id: &ParticipantId, publisher: ConnectionId) -> Option<Want> {
        let (kinds, video) = match self.entries.get(id) {
            Some(entry) => (Some(&entry.kinds), video_of(entry)),
            None if self.default.default == Whom::None => return None,
            None => {
                let video = VideoWant {
                    start: self.default.initial.into(),
                    ..VideoWant::default()
                };
                (self.default.kinds.as_ref(), video)
            }
        };
        let has = |kind| kinds.is_none_or(|kinds| kinds.contains(&kind));
        let want = Want {
            publisher,
            audio: has(Kind::Audio),
            video: has(Kind::Video).then_some(video),
        };
        (want.audio || want.video.is_some()).then_some(want)
    }
}

fn video_of(entry: &SubEntry) -> VideoWant {
    VideoWant {
        layer: entry.prefer.clone(),
        start: entry.initial.into(),
        pixels_max: entry
            .max_size
            .map(|size| u32::from(size.width) * u32::from(size.height)),
        priority: entry.priority,
    }
}

#[cfg(test)]
mod tests {
    use sfu::{LayerLabel, Start};

    use super::super::message::{FromClient, parse};
    use super::*;

    fn sub(text: &str) -> Sub {
        let FromClient::Sub(sub) = parse(text).unwrap() else {
            panic!("a sub: {text}");
        };
        sub
    }

    fn wants(join: &str) -> Wants {
        let FromClient::Join(join) = parse(join).unwrap() else {
            panic!("a join: {join}");
        };
        Wants::new(join.want)
    }

    fn of(wants: &Wants, id: &str) -> Option<(bool, Option<VideoWant>)> {
        let want = wants.of(&ParticipantId::parse(id).unwrap(), ConnectionId(1));
        want.map(|want| (want.audio, want.video))
    }

    #[test]
    fn everything_of_everybody_is_wanted_unless_something_else_is_said() {
        let all = wants(r#"{"type":"join"}"#);
        assert_eq!(of(&all, "ana"), Some((true, Some(VideoWant::default()))));
        let none = wants(r#"{"type":"join","want":{"default":"none"}}"#);
        assert_eq!(of(&none, "ana"), None);
        let ears = wants(r#"{"type":"join","want":{"kinds":["audio"]}}"#);
        assert_eq!(of(&ears, "ana"), Some((true, None)));
        let high = wants(r#"{"type":"join","want":{"kinds":["video"],"initial":"high"}}"#);
        let video = VideoWant {
            start: Start::Highest,
            ..VideoWant::default()
        };
        assert_eq!(of(&high, "ana"), Some((false, Some(video))));
        let nothing = wants(r#"{"type":"join","want":{"kinds":[]}}"#);
        assert_eq!(of(&nothing, "ana"), None);
    }

    #[test]
    fn a_sub_speaks_for_those_it_names_until_it_is_reset() {
        let mut wants = wants(r#"{"type":"join","want":{"default":"none"}}"#);
        let set = r#"{"type":"sub","set":[
            {"pid":"ana","kinds":["video"],"prefer":"h","maxSize":{"width":640,"height":360},"priority":9},
            {"pid":"ben","kinds":[]},
            {"pid":"cat","kinds":["audio"]},
            {"pid":"cat","kinds":["video"],"initial":"high"}]}"#;
        assert_eq!(wants.change(&sub(set)), Ok(()));
        let video = VideoWant {
            layer: LayerLabel::parse("h"),
            start: Start::Lowest,
            pixels_max: Some(230_400),
            priority: 9,
        };
        assert_eq!(of(&wants, "ana"), Some((false, Some(video))));
        assert_eq!(of(&wants, "ben"), None);
        let start = Start::Highest;
        let video = VideoWant {
            start,
            ..VideoWant::default()
        };
        assert_eq!(
            of(&wants, "cat"),
            Some((false, Some(video))),
            "the last word"
        );
        let reset = r#"{"type":"sub","reset":["ana","nobody"]}"#;
        assert_eq!(wants.change(&sub(reset)), Ok(()));
        assert_eq!(of(&wants, "ana"), None);
    }

    #[test]
    fn wants_are_bounded_and_a_change_that_is_too_much_changes_nothing() {
        let mut wants = wants(r#"{"type":"join"}"#);
        let many = |from: usize, count: usize| {
            let set: Vec<String> = (from..from + count)
                .map(|number| format!(r#"{{"pid":"p{number}","kinds":[]}}"#))
                .collect();
            sub(&format!(r#"{{"type":"sub","set":[{}]}}"#, set.join(",")))
        };
        for from in (0..ENTRIES_MAX).step_by(128) {
            assert_eq!(wants.change(&many(from, 128)), Ok(()));
        }
        assert_eq!(wants.change(&many(ENTRIES_MAX, 1)), Err(TooMany));
        assert!(of(&wants, &format!("p{ENTRIES_MAX}")).is_some());
        assert_eq!(wants.change(&many(0, 128)), Ok(()), "who is named already");
    }
}
