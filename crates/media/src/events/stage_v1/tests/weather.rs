//! Long stories from a seed: whatever happens, a client that applies what it is told knows what is.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

/// A generator whose stories can be told again: a linear congruence (Knuth's constants), of which the high bits count.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What a client makes of the frames.
#[derive(Default)]
struct Client {
    roster: BTreeMap<String, Value>,
    slots: BTreeMap<String, String>,
    seq: u64,
}

impl Client {
    fn apply(&mut self, frame: &Value) {
        let seq = frame["seq"].as_u64().unwrap();
        assert!(
            seq == self.seq + 1 || frame["resumed"] == "snapshot",
            "a gap: {frame}"
        );
        self.seq = seq;
        let list = |list: &Value| list.as_array().cloned().unwrap_or_default();
        let name = |entry: &Value| entry["id"].as_str().unwrap().to_owned();
        match frame["type"].as_str().unwrap() {
            "joined" => {
                if let Some(state) = frame.get("state") {
                    self.slots.clear();
                    self.roster.clear();
                    for entry in list(&state["participants"]) {
                        self.roster.insert(name(&entry), entry);
                    }
                }
                if frame.get("answer").is_some() {
                    self.slots.clear();
                }
            }
            "delta" => {
                for left in list(&frame["leave"]) {
                    let left = self.roster.remove(left.as_str().unwrap());
                    assert!(left.is_some(), "who leaves was there: {frame}");
                }
                for entry in list(&frame["join"]) {
                    let older = self.roster.insert(name(&entry), entry);
                    assert!(older.is_none(), "who joins was not there: {frame}");
                }
                for update in list(&frame["update"]) {
                    let entry = self.roster.get_mut(&name(&update)).expect("who is there");
                    for member in ["audioMuted", "videoStopped"] {
                        entry[member] = update[member].clone();
                    }
                }
            }
            "bind" => {
                let slots = list(&frame["slots"]).into_iter().map(|slot| {
                    let text = |member: &str| slot[member].as_str().unwrap().to_owned();
                    (text("mid"), text("pid"))
                });
                self.slots = slots.collect();
                for pid in self.slots.values() {
                    assert!(
                        self.roster.contains_key(pid),
                        "bound and not known: {frame}"
                    );
                }
            }
            "error" if frame["code"] == "FEED_ENDED" => self.slots.clear(),
            _ => {}
        }
    }
}

/// The world around a session.
struct World {
    run: Run,
    dice: Dice,
    client: Client,
    /// Frames of the run that the client has had, or that were lost.
    delivered: usize,
    publishes: BTreeMap<&'static str, (u64, &'static str)>,
    published: u64,
    links: BTreeSet<u64>,
    is_lost: bool,
}

const NAMES: [&str; 4] = ["ana", "ben", "cat", "dan"];
const MUTES: [&str; 4] = ["", "a", "v", "av"];

impl World {
    fn new(seed: u64) -> Self {
        let (run, words) = Run::new(join(&json!({ "offer": OFFER })), roster(&[]));
        assert_eq!(words, "open");
        Self {
            run,
            dice: Dice(seed),
            client: Client::default(),
            delivered: 0,
            publishes: BTreeMap::new(),
            published: 0,
            links: BTreeSet::new(),
            is_lost: false,
        }
    }

    fn pick<T: Copy>(&mut self, of: [T; 4]) -> T {
        of[usize::try_from(self.dice.roll(4)).unwrap()]
    }

    fn act(&mut self) {
        match self.dice.roll(14) {
            0..=3 => self.publishers_change(),
            4..=6 => self.stage_answers(),
            7..=8 => self.slots_change(),
            9 => {
                if self.run.machine.is_answering() {
                    self.run.handle(Input::Answered(Ok(answer())));
                    self.run.handle(Input::Feed(connected()));
                }
            }
            10 => {
                if !self.is_lost {
                    // Some of what is on the way arrives.
                    let waiting = u64::try_from(self.run.frames.len() - self.delivered).unwrap();
                    let arrive = self.dice.roll(waiting + 1);
                    self.deliver(usize::try_from(arrive).unwrap());
                    self.run.handle(Input::Lost);
                    self.is_lost = true;
                }
            }
            11 => self.come_back(),
            12 => {
                if self.run.machine.has_feed() && self.dice.roll(4) == 0 {
                    let closed = FeedNews {
                        closed: Some(PeerFault::Timeout),
                        ..FeedNews::default()
                    };
                    self.run.handle(Input::Feed(closed));
                    self.links.clear();
                }
            }
            _ => {
                let millis = self.dice.roll(400);
                self.run.after(millis);
            }
        }
        if !self.is_lost {
            self.deliver(usize::MAX);
        }
    }

    fn publishers_change(&mut self) {
        let name = self.pick(NAMES);
        let mute = self.pick(MUTES);
        match self.dice.roll(3) {
            0 => {
                self.publishes.remove(name);
            }
            1 => {
                self.published += 1;
                self.publishes.insert(name, (self.published, mute));
            }
            _ => {
                if let Some(publish) = self.publishes.get_mut(name) {
                    publish.1 = mute;
                }
            }
        }
        for link in self.links.clone() {
            let mut there = self.publishes.values();
            if !there.any(|(publish, _)| publish + 100_000 == link) {
                self.links.remove(&link);
                self.run.handle(Input::LinkEnded(ConnectionId(link)));
            }
        }
        let all = self.publishes.iter();
        let all: Vec<_> = all.map(|(name, (id, mute))| (*name, *id, *mute)).collect();
        self.run.handle(Input::Roster(roster(&all)));
    }

    fn stage_answers(&mut self) {
        let Some(name) = self.run.asked.keys().next().cloned() else {
            return;
        };
        let answer = match self.publishes.get(name.as_str()) {
            Some((publish, _)) => {
                self.links.insert(publish + 100_000);
                Answer::Admitted {
                    link: ConnectionId(publish + 100_000),
                    publish: ConnectionId(*publish),
                }
            }
            None => Answer::Refused(Refusal::PublisherNotFound),
        };
        self.run.answered(&name, answer);
    }

    fn slots_change(&mut self) {
        if self.run.machine.has_feed() {
            let mids = ["1", "3", "5", "7"];
            let slots: Vec<_> = mids.into_iter().zip(self.run.wanted.clone()).collect();
            self.run.handle(Input::Feed(bindings(&slots)));
        }
    }

    fn come_back(&mut self) {
        if !self.is_lost {
            return;
        }
        // What was on the way is lost with the socket.
        self.delivered = self.run.frames.len();
        let offer = (self.dice.roll(3) == 0).then_some(OFFER);
        if offer.is_some() {
            self.links.clear();
        }
        self.run.resume(self.client.seq, offer);
        self.is_lost = false;
    }

    fn deliver(&mut self, count: usize) {
        let waiting = self.run.frames.iter().skip(self.delivered).take(count);
        for frame in waiting {
            self.client.apply(frame);
            self.delivered += 1;
        }
    }

    /// Everything that is under way comes to its end.
    fn come_to_rest(&mut self) {
        self.come_back();
        if self.run.machine.is_answering() {
            self.run.handle(Input::Answered(Ok(answer())));
        }
        for _ in 0..8 {
            while !self.run.asked.is_empty() {
                self.stage_answers();
            }
            self.run.after(20_000);
        }
        self.slots_change();
        self.deliver(usize::MAX);
    }
}

#[test]
fn a_client_that_applies_what_it_is_told_knows_what_is() {
    for seed in 0..200 {
        let mut world = World::new(seed);
        for _ in 0..300 {
            world.act();
        }
        world.come_to_rest();
        let told = world.client.roster.iter().map(|(name, entry)| {
            let muted = |member: &str| entry[member].as_bool().unwrap();
            (name.clone(), muted("audioMuted"), muted("videoStopped"))
        });
        let there = world.publishes.iter().map(|(name, (_, mute))| {
            let name = (*name).to_owned();
            (name, mute.contains('a'), mute.contains('v'))
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            there.collect::<Vec<_>>(),
            "seed {seed}"
        );
        if world.run.machine.has_feed() {
            let bound: BTreeSet<&str> = world.client.slots.values().map(String::as_str).collect();
            let there: BTreeSet<&str> = world.publishes.keys().copied().collect();
            assert_eq!(bound, there, "seed {seed}");
        } else {
            assert!(world.client.slots.is_empty(), "seed {seed}");
        }
    }
}
