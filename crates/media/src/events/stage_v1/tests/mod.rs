//! Sessions from the outside: what goes in, and in words what comes out.
//!
//! Words: a frame is its `type` with what matters of it; orders are `ask ana`, `release c9`, `up c9`, `open`, `reoffer`,
//! `want c1 av`, `close feed`, `mute av`, `exchange token`, `put out …`, `end …`. A link to the publish `c1` is `c101`.

mod exchanging;
mod following;
mod resuming;
mod speaking;
mod weather;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{ConnectionId, ParticipantId, StageId};
use serde_json::Value;
use sfu::{Binding, Layer, LayerLabel, LayerReason, Layers, Medium, PeerFault, Quality};
use stage::{LeftReason, Mute, Refusal, Roster, RosterEntry};

use super::io::{Effect, Identity, Input};
use super::links::Answer;
use super::machine::{DELTA_INTERVAL, Machine, RESUME_WINDOW};
use super::message::{FromClient, Join, Me, Pid, Secret, parse};
use crate::connections::SessionKey;
use crate::mailbox::FeedNews;

const OFFER: &str = include_str!("../../../../../sfu/tests/sfu/offers/chromium-subscribe.sdp");

struct Run {
    machine: Machine,
    now: Instant,
    /// Questions to `stage` that wait, by publisher.
    asked: BTreeMap<String, u64>,
    /// The last frame that came.
    seq: u64,
    /// Frames in full.
    frames: Vec<Value>,
    /// What the worker was told last.
    wanted: Vec<u64>,
}

fn id(id: &str) -> ParticipantId {
    ParticipantId::parse(id).unwrap()
}

fn me(capabilities: &[&'static str]) -> Me {
    Me {
        id: Pid(id("me")),
        user_id: String::new(),
        attributes: BTreeMap::new(),
        capabilities: capabilities.to_vec(),
    }
}

fn join(members: &Value) -> Join {
    let mut message = serde_json::json!({ "type": "join" });
    let members = members.as_object().unwrap().clone();
    message.as_object_mut().unwrap().extend(members);
    let FromClient::Join(join) = parse(&message.to_string()).unwrap() else {
        panic!("a join: {message}");
    };
    join
}

/// Names with the numbers of their publishes and `a` or `v` for what is muted.
fn roster(participants: &[(&str, u64, &str)]) -> Arc<Roster> {
    let entries = participants
        .iter()
        .map(|(name, publish, muted)| RosterEntry {
            id: id(name),
            user_id: String::new(),
            attributes: BTreeMap::new(),
            publish: ConnectionId(*publish),
            mute: Mute {
                audio: muted.contains('a'),
                video: muted.contains('v'),
            },
            source: None,
        });
    Arc::new(Roster {
        stage: StageId::parse("abcdABCDefgh").unwrap(),
        participants: entries.collect(),
    })
}

fn bindings(list: &[(&str, u64)]) -> FeedNews {
    let bindings = list.iter().map(|(mid, publish)| Binding {
        mid: (*mid).to_owned(),
        medium: Medium::Video,
        publisher: ConnectionId(*publish),
        is_paused: false,
    });
    FeedNews {
        bindings: Some(bindings.collect()),
        ..FeedNews::default()
    }
}

fn layers(publish: u64, selected: &str) -> FeedNews {
    let layer = Layer {
        label: LayerLabel::parse("q").unwrap(),
        width: 320,
        height: 180,
        frames_per_second: 15,
        bitrate_bps: 150_000,
    };
    let layers = Layers {
        publisher: ConnectionId(publish),
        layers: vec![layer],
        selected: LayerLabel::parse(selected),
        reason: LayerReason::Automatic,
    };
    FeedNews {
        layers: BTreeMap::from([(layers.publisher, layers)]),
        ..FeedNews::default()
    }
}

fn connected() -> FeedNews {
    FeedNews {
        is_connected: true,
        ..FeedNews::default()
    }
}

fn answer() -> sfu::Answer {
    let slot = |mid: &str, medium| sfu::Slot {
        mid: mid.to_owned(),
        medium,
    };
    sfu::Answer {
        sdp: "v=0".to_owned(),
        slots: vec![slot("0", Medium::Audio), slot("1", Medium::Video)],
    }
}

impl Run {
    fn new(join: Join, first: Arc<Roster>) -> (Self, String) {
        Self::with(join, first, true)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test needs some instant to start from"
    )]
    fn with(join: Join, first: Arc<Roster>, may_subscribe: bool) -> (Self, String) {
        let identity = Identity {
            name: SessionKey::from_random([7; 16]),
            me: if may_subscribe {
                me(&["subscribe"])
            } else {
                me(&[])
            },
            stage_session: "st-1".to_owned(),
        };
        let now = Instant::now();
        let mut run = Self {
            machine: Machine::new(identity, join, first, Vec::new(), now),
            now,
            asked: BTreeMap::new(),
            seq: 0,
            frames: Vec::new(),
            wanted: Vec::new(),
        };
        let words = run.words();
        (run, words)
    }

    /// A session with a feed that is connected, and nobody there.
    fn with_feed() -> Self {
        let (mut run, words) = Self::new(join(&serde_json::json!({ "offer": OFFER })), roster(&[]));
        assert_eq!(words, "open");
        assert_eq!(
            run.handle(Input::Answered(Ok(answer()))),
            "joined no [] answered"
        );
        assert_eq!(run.handle(Input::Feed(connected())), "");
        run
    }

    /// A session whose feed gets ana, by publish 1.
    fn with_ana() -> Self {
        let mut run = Self::with_feed();
        let words = run.handle(Input::Roster(roster(&[("ana", 1, "")])));
        assert_eq!(words, "ask ana");
        assert_eq!(run.after(200), "delta - +ana ~");
        assert_eq!(run.admitted("ana", 1), "up c101; want c1 av");
        run
    }

    fn handle(&mut self, input: Input) -> String {
        self.machine.handle(input, self.now);
        self.words()
    }

    fn says(&mut self, text: &str) -> String {
        self.handle(Input::Said(parse(text)))
    }

    fn answered(&mut self, name: &str, answer: Answer) -> String {
        let ask = self.asked.remove(name).expect("a question that waits");
        self.handle(Input::Linked {
            ask,
            publisher: id(name),
            answer,
        })
    }

    fn admitted(&mut self, name: &str, publish: u64) -> String {
        self.answered(
            name,
            Answer::Admitted {
                link: ConnectionId(publish + 100),
                publish: ConnectionId(publish),
            },
        )
    }

    /// Time passes, in milliseconds; timers ring when they are due.
    fn after(&mut self, millis: u64) -> String {
        let end = self.now + Duration::from_millis(millis);
        let mut all = Vec::new();
        while let Some(due) = self.machine.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.machine.handle_timeout(self.now);
            all.push(self.words());
            if all.last().is_some_and(|words| words.starts_with("end ")) {
                break;
            }
            assert!(all.len() < 100, "timers ring without end");
        }
        self.now = end;
        all.retain(|words| !words.is_empty());
        all.join("; ")
    }

    fn resume(&mut self, seen: u64, offer: Option<&str>) -> String {
        self.seq = seen;
        self.handle(Input::Resumed {
            seen,
            offer: offer.map(|sdp| Secret(sdp.to_owned())),
            ice: Vec::new(),
        })
    }

    fn words(&mut self) -> String {
        let effects: Vec<Effect> = std::iter::from_fn(|| self.machine.poll_effect()).collect();
        let words: Vec<String> = effects
            .into_iter()
            .map(|effect| self.word(effect))
            .collect();
        words.join("; ")
    }

    fn word(&mut self, effect: Effect) -> String {
        match effect {
            Effect::Send(text) | Effect::Farewell(text) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                if frame["resumed"] != "snapshot" {
                    assert_eq!(frame["seq"], self.seq + 1, "numbers have no gaps: {frame}");
                }
                self.seq = frame["seq"].as_u64().unwrap();
                let word = frame_word(&frame);
                self.frames.push(frame);
                word
            }
            Effect::Ask { ask, publisher } => {
                self.asked.insert(publisher.as_str().to_owned(), ask);
                format!("ask {publisher}")
            }
            Effect::Release(link) => format!("release {link}"),
            Effect::Up(link) => format!("up {link}"),
            Effect::Open(_) => {
                self.wanted.clear();
                "open".to_owned()
            }
            Effect::Reoffer(_) => "reoffer".to_owned(),
            Effect::Want(wants) => {
                self.wanted = wants.iter().map(|want| want.publisher.0).collect();
                let each = wants.iter().map(|want| {
                    let audio = if want.audio { "a" } else { "" };
                    let video = if want.video.is_some() { "v" } else { "" };
                    format!(" {} {audio}{video}", want.publisher)
                });
                format!("want{}", each.collect::<String>())
            }
            Effect::CloseFeed => "close feed".to_owned(),
            Effect::Mute(mute) => format!("mute {} {}", mute.audio, mute.video),
            Effect::Exchange(token) => format!("exchange {}", token.0),
            Effect::PutOut(reason) => format!("put out {reason:?}"),
            Effect::End(end) => format!("end {end:?}"),
        }
    }
}

/// The names in a list of participants.
fn names(list: &Value, member: &str) -> String {
    let names = list.as_array().unwrap().iter().map(|entry| {
        let name = if member.is_empty() {
            entry
        } else {
            &entry[member]
        };
        name.as_str().unwrap()
    });
    names.collect::<Vec<_>>().join(" ")
}

fn frame_word(frame: &Value) -> String {
    let kind = frame["type"].as_str().unwrap();
    let what = match kind {
        "joined" => {
            let state = match frame.get("state") {
                Some(state) => format!("[{}]", names(&state["participants"], "id")),
                None => "-".to_owned(),
            };
            let answered = if frame.get("answer").is_some() {
                " answered"
            } else {
                ""
            };
            format!("{} {state}{answered}", frame["resumed"].as_str().unwrap())
        }
        "delta" => format!(
            "-{} +{} ~{}",
            names(&frame["leave"], ""),
            names(&frame["join"], "id"),
            names(&frame["update"], "id")
        ),
        "bind" => {
            let slots = frame["slots"].as_array().unwrap().iter();
            let each = slots.map(|slot| {
                format!(
                    "{}={}",
                    slot["mid"].as_str().unwrap(),
                    slot["pid"].as_str().unwrap()
                )
            });
            each.collect::<Vec<_>>().join(" ")
        }
        "need" => format!("{} {}", frame["audio"], frame["video"]),
        "layers" => format!("{} {}", frame["pid"], frame["selected"]).replace('"', ""),
        "speakers" => names(&frame["list"], "pid"),
        "error" => {
            let about = frame.get("pid").map_or("", |pid| pid.as_str().unwrap());
            format!("{} {about}", frame["code"].as_str().unwrap())
        }
        "left" => frame["reason"].as_str().unwrap().to_owned(),
        _ => String::new(),
    };
    format!("{kind} {what}").trim_end().to_owned()
}
