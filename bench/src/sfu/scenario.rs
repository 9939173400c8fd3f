//! What is measured: the scenarios by their names in docs/performance.md.

use std::time::Duration;

use clap::ValueEnum;
use load::{Impairment, Joins, Layer, Options, Pacing, Report, Source, Storm, Target, Watching};

use super::servers::Kind;

/// How long media flows before counting, and how long is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) warm_up: Duration,
    pub(super) duration: Duration,
}

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Scenario {
    /// One publisher of 2.5 Mbit/s, many viewers; bursts of nine packets.
    #[value(name = "f1")]
    Burst,
    /// The same, with the packets evenly over time.
    #[value(name = "f1s")]
    Spaced,
    /// One voice of 50 packets a second, many listeners.
    #[value(name = "f2")]
    Voice,
    /// A meeting: publishers see each other, and viewers see all of them.
    #[value(name = "m1")]
    Meeting,
    /// Twelve voices, many listeners.
    #[value(name = "a1")]
    Voices,
    /// Three simulcast layers; viewers behind 300, 1,000 and 5,000 kbit/s in turn.
    #[value(name = "s1")]
    Simulcast,
    /// F1 with loss and packets that overtake each other.
    #[value(name = "l1")]
    Loss,
    /// 200 viewers come within two seconds while others watch.
    #[value(name = "j1")]
    Storm,
    /// Viewers come and go.
    #[value(name = "c1")]
    Churn,
    /// Viewers stay connected while their publisher sends nothing.
    #[value(name = "i1")]
    Idle,
}

/// One row to measure: a scenario at one size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Case {
    pub(super) scenario: Scenario,
    pub(super) viewers: usize,
    /// Percent; zero but in [`Scenario::Loss`].
    pub(super) loss: f64,
}

/// Publishers of a meeting and of [`Scenario::Voices`]: the most that a stage has.
const PUBLISHERS: usize = 12;
/// A meeting's picture: 720p at 1.5 Mbit/s.
const MEETING: Layer = Layer {
    bitrate_bps: 1_500_000,
    width: 1280,
    height: 720,
};
const STORM: Storm = Storm {
    viewers: 200,
    within: Duration::from_secs(2),
};

impl Scenario {
    /// The name in documents.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Burst => "F1 burst 9",
            Self::Spaced => "F1 spaced",
            Self::Voice => "F2 voice",
            Self::Meeting => "M1 meeting",
            Self::Voices => "A1 voices",
            Self::Simulcast => "S1 simulcast",
            Self::Loss => "L1 loss",
            Self::Storm => "J1 storm",
            Self::Churn => "C1 churn",
            Self::Idle => "I1 idle",
        }
    }

    /// Why a server cannot take part; `None` if it can.
    pub(super) fn excludes(self, kind: Kind) -> Option<&'static str> {
        let only_forwards = matches!(self, Self::Burst | Self::Spaced | Self::Voice);
        let takes_several = matches!(self, Self::Meeting | Self::Voices | Self::Simulcast);
        match kind {
            Kind::Floor if !only_forwards => Some("the floor only forwards"),
            Kind::Janus if self == Self::Voice => Some("its mountpoint here is one of video"),
            Kind::Pion | Kind::Livekit | Kind::Janus | Kind::Mediasoup if takes_several => {
                Some("several publishers and layers are driven on a stage only")
            }
            Kind::Livekit if self == Self::Idle => Some("its viewers come only when media flows"),
            Kind::Downstage
            | Kind::Floor
            | Kind::Pion
            | Kind::Livekit
            | Kind::Janus
            | Kind::Mediasoup => None,
        }
    }

    /// The cases of a scenario.
    pub(super) fn cases(self, viewers: &[usize]) -> Vec<Case> {
        let case = |viewers| Case {
            scenario: self,
            viewers,
            loss: 0.0,
        };
        match self {
            Self::Burst | Self::Spaced | Self::Voice | Self::Idle => {
                viewers.iter().copied().map(case).collect()
            }
            Self::Meeting => vec![case(PUBLISHERS), case(PUBLISHERS + 100)],
            Self::Voices => vec![case(50), case(200)],
            Self::Simulcast => vec![case(30)],
            Self::Loss => [0.0, 1.0, 2.0, 5.0, 10.0]
                .into_iter()
                .map(|loss| Case { loss, ..case(50) })
                .collect(),
            Self::Storm => vec![case(100)],
            Self::Churn => vec![case(5)],
        }
    }
}

impl Case {
    /// The case in words.
    pub(super) fn name(&self) -> String {
        let (name, viewers) = (self.scenario.name(), self.viewers);
        if self.scenario == Scenario::Loss {
            return format!("{name} {} %, {viewers} viewers", self.loss);
        }
        if self.scenario == Scenario::Storm {
            return format!("{name}, {viewers} + {} viewers", STORM.viewers);
        }
        format!("{name}, {viewers} viewers")
    }

    /// What a publisher sends; the floor program gets the same.
    pub(super) fn source(&self) -> Source {
        let source = Source::default();
        match self.scenario {
            Scenario::Burst | Scenario::Loss | Scenario::Storm | Scenario::Churn => source,
            Scenario::Idle => Source {
                silent: true,
                ..source
            },
            Scenario::Spaced => Source {
                pacing: Pacing::Spaced,
                ..source
            },
            Scenario::Voice | Scenario::Voices => Source {
                layers: Vec::new(),
                audio: true,
                ..source
            },
            Scenario::Meeting => Source {
                layers: vec![MEETING],
                audio: true,
                ..source
            },
            Scenario::Simulcast => Source {
                layers: Layer::SIMULCAST.to_vec(),
                ..source
            },
        }
    }

    /// The load that makes it.
    pub(super) fn load(&self, target: Target, flow: Flow, media_first: bool) -> Options {
        let mut options = Options::new(target, self.viewers);
        options.warm_up = flow.warm_up;
        options.duration = flow.duration;
        options.joins = Joins {
            media_first,
            ..Joins::default()
        };
        options.source = self.source();
        match self.scenario {
            Scenario::Burst | Scenario::Spaced | Scenario::Voice | Scenario::Idle => {}
            Scenario::Meeting | Scenario::Voices => options.publishers = PUBLISHERS,
            Scenario::Simulcast => {
                options.impairment.rates_kbps = vec![300, 1_000, 5_000];
            }
            Scenario::Loss => {
                options.impairment = Impairment {
                    loss_percent: self.loss,
                    reorder_percent: 1.0,
                    reorder_delay: Duration::from_millis(20),
                    seed: 1,
                    ..Impairment::default()
                };
            }
            Scenario::Storm => options.storm = Some(STORM),
            Scenario::Churn => {
                options.warm_up = Duration::ZERO;
                options.duration = Duration::from_secs(1);
            }
        }
        options
    }

    /// Packets that all viewers together should have got. Where they come in the middle, or get one of several layers, nobody knows more
    /// than how many of those that were for them are missing.
    pub(super) fn expected(&self, report: &Report) -> u64 {
        match self.scenario {
            Scenario::Simulcast | Scenario::Storm => report.sum.packets + report.sum.lost,
            Scenario::Burst
            | Scenario::Spaced
            | Scenario::Voice
            | Scenario::Meeting
            | Scenario::Voices
            | Scenario::Loss
            | Scenario::Idle
            | Scenario::Churn => report.sent.packets * self.viewers as u64,
        }
    }

    /// How viewers of a stage watch: one connection for all where there are several publishers.
    pub(super) fn watching(&self) -> Watching {
        if matches!(self.scenario, Scenario::Meeting | Scenario::Voices) {
            Watching::StageV1
        } else {
            Watching::Whep
        }
    }
}
