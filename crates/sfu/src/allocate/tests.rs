//! Divisions as a table, and what holds for all of them.

use proptest::prelude::*;

use super::*;

/// A camera's three layers.
const CAMERA: &[u64] = &[150_000, 500_000, 1_700_000];
const AUDIO: u64 = 64_000;

/// Sent at that layer, chosen by the server, of ordinary priority.
const fn at(layer: usize) -> Demand<'static> {
    Demand {
        priority: 0,
        layers: CAMERA,
        current: Some(layer),
        wanted: None,
        is_paused: false,
    }
}

const fn new() -> Demand<'static> {
    Demand {
        current: None,
        ..at(0)
    }
}

const fn paused() -> Demand<'static> {
    Demand {
        is_paused: true,
        ..new()
    }
}

const fn important(demand: Demand<'static>) -> Demand<'static> {
    Demand {
        priority: 200,
        ..demand
    }
}

/// What is divided, the budget, among whom, what each gets (`-` is paused), and what the next upgrade would need.
type Row = (
    &'static str,
    u64,
    &'static [Demand<'static>],
    &'static str,
    Option<u64>,
);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("nobody wants video", 1_000_000, &[], "", None),
    ("a publisher without layers", 1_000_000, &[Demand { layers: &[], ..new() }], "-", None),
    ("enough for everything", 3_000_000, &[new()], "2", None),
    ("the top with head room only", 2_018_999, &[new()], "1", Some(2_019_000)),
    ("the top with head room", 2_019_000, &[new()], "2", None),
    ("the top is kept without head room", 1_764_000, &[at(2)], "2", None),
    ("the top is left at once", 1_763_999, &[at(2)], "1", Some(2_019_000)),
    ("two down at once", 300_000, &[at(2)], "0", Some(639_000)),
    ("the last goes on beyond the budget", 140_000, &[at(0)], "0", Some(639_000)),
    ("but not by half of it", 138_999, &[at(0)], "-", Some(161_500)),
    ("and comes back with head room", 161_499, &[paused()], "-", Some(161_500)),
    ("so it does", 161_500, &[paused()], "0", Some(639_000)),
    ("the least important is paused", 300_000, &[new(), important(new())], "- 0", Some(386_500)),
    ("all at their lowest before upgrades", 760_000, &[important(at(0)), at(0), at(0), at(0)], "0 0 0 0", Some(1_089_000)),
    ("one paused waits for head room", 364_000, &[at(0), paused()], "0 -", Some(386_500)),
    ("and nobody takes it away meanwhile", 380_000, &[at(0), paused()], "0 -", Some(386_500)),
    ("the important one is upgraded first", 2_200_000, &[at(0), important(at(0))], "0 2", Some(2_339_000)),
    ("what it leaves goes to the others", 2_400_000, &[at(0), important(at(0))], "1 2", Some(3_719_000)),
    ("equals take turns", 1_139_000, &[at(0), at(0)], "1 1", Some(2_519_000)),
    ("one step for the first", 800_000, &[at(0), at(0)], "1 0", Some(1_139_000)),
    ("whoever has it keeps it", 800_000, &[at(0), at(1)], "0 1", Some(1_139_000)),
    ("the top is given back for turns", 2_000_000, &[at(0), at(2)], "1 1", Some(2_519_000)),
    ("a small step before a large one", 780_000, &[at(0), Demand { layers: &[150_000, 250_000], ..at(0) }], "0 1", Some(889_000)),
    ("no more than was asked for", 9_000_000, &[Demand { wanted: Some(1), ..at(0) }], "1", None),
    ("what was asked for does not fit", 500_000, &[Demand { wanted: Some(2), ..at(2) }], "0", Some(639_000)),
    ("nothing at all", 0, &[at(1), at(1)], "- -", Some(161_500)),
    ("a bitrate beyond counting", u64::MAX, &[Demand { layers: &[u64::MAX], ..new() }], "0", None),
];

#[test]
fn a_table_of_divisions() {
    for (name, budget, demands, expected, needed) in ROWS {
        let mut out = Vec::new();
        let next = allocate(*budget, AUDIO, demands, &mut out);
        println!(
            "{name:36} {budget:>20} bit/s -> {:8} next {next:?}",
            print(&out)
        );
        assert_eq!(print(&out), *expected, "{name}");
        assert_eq!(next, *needed, "{name}");
    }
}

fn print(choices: &[Choice]) -> String {
    let words: Vec<_> = choices
        .iter()
        .map(|choice| match choice {
            Choice::Paused => "-".to_owned(),
            Choice::Layer(layer) => layer.to_string(),
        })
        .collect();
    words.join(" ")
}

#[derive(Clone, Debug)]
struct Owned {
    priority: u8,
    layers: Vec<u64>,
    current: Option<usize>,
    wanted: Option<usize>,
    is_paused: bool,
}

impl Owned {
    fn demand(&self) -> Demand<'_> {
        Demand {
            priority: self.priority,
            layers: &self.layers,
            current: self.current,
            wanted: self.wanted,
            is_paused: self.is_paused,
        }
    }
}

fn owned() -> impl Strategy<Value = Owned> {
    (
        0..4_u8,
        prop::collection::vec(20_000..2_000_000_u64, 0..4),
        prop::option::of(0..4_usize),
        prop::option::of(0..4_usize),
        any::<bool>(),
    )
        .prop_map(|(priority, mut layers, current, wanted, is_paused)| {
            layers.sort_unstable();
            Owned {
                priority,
                layers,
                current: current.filter(|_| !is_paused),
                wanted,
                is_paused,
            }
        })
}

fn divide(budget: u64, audio: u64, demands: &[Owned]) -> (Vec<Choice>, Option<u64>) {
    let demands: Vec<_> = demands.iter().map(Owned::demand).collect();
    let mut out = Vec::new();
    let next = allocate(budget, audio, &demands, &mut out);
    (out, next)
}

fn cost(demands: &[Owned], choices: &[Choice]) -> u64 {
    let each = demands
        .iter()
        .zip(choices)
        .map(|(demand, choice)| match choice {
            Choice::Paused => 0,
            Choice::Layer(layer) => demand.layers[*layer],
        });
    each.sum()
}

/// A number that compares choices: paused below every layer.
fn rank(choice: Choice) -> usize {
    match choice {
        Choice::Paused => 0,
        Choice::Layer(layer) => layer + 1,
    }
}

/// The demands after the choices have been carried out.
fn carried_out(demands: &[Owned], choices: &[Choice]) -> Vec<Owned> {
    let mut after = demands.to_vec();
    for (demand, choice) in after.iter_mut().zip(choices) {
        demand.current = match choice {
            Choice::Paused => None,
            Choice::Layer(layer) => Some(*layer),
        };
        demand.is_paused = *choice == Choice::Paused;
    }
    after
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_budget_is_kept_unless_a_single_lowest_layer_goes_on(
        budget in 0..8_000_000_u64,
        audio in 0..200_000_u64,
        demands in prop::collection::vec(owned(), 0..14),
    ) {
        let (choices, _) = divide(budget, audio, &demands);
        prop_assert_eq!(choices.len(), demands.len());
        let going: Vec<_> = choices.iter().filter(|choice| **choice != Choice::Paused).collect();
        let is_single = going == [&Choice::Layer(0)];
        let cost = cost(&demands, &choices);
        prop_assert!(cost == 0 || is_single || cost + audio <= budget);
        // Even then the audio keeps its own and half of the video fits.
        prop_assert!(cost == 0 || cost / 2 + audio <= budget);
        for (demand, choice) in demands.iter().zip(&choices) {
            if let (Some(wanted), Choice::Layer(layer)) = (demand.wanted, choice) {
                prop_assert!(*layer <= wanted);
            }
        }
    }

    #[test]
    fn more_budget_pauses_no_more_and_lowers_not_everybody(
        budget in 0..8_000_000_u64,
        more in 0..4_000_000_u64,
        demands in prop::collection::vec(owned(), 1..14),
    ) {
        let (poor, _) = divide(budget, AUDIO, &demands);
        let (rich, _) = divide(budget + more, AUDIO, &demands);
        let paused = |choices: &[Choice]| {
            choices.iter().filter(|choice| **choice == Choice::Paused).count()
        };
        prop_assert!(paused(&rich) <= paused(&poor));
        let is_lower_for_all =
            poor.iter().zip(&rich).all(|(poor, rich)| rank(*rich) < rank(*poor));
        prop_assert!(!is_lower_for_all);
        if poor != rich {
            let somebody_gains =
                poor.iter().zip(&rich).any(|(poor, rich)| rank(*rich) > rank(*poor));
            prop_assert!(somebody_gains);
        }
    }

    #[test]
    fn what_was_decided_is_decided_again(
        budget in 0..8_000_000_u64,
        demands in prop::collection::vec(owned(), 0..14),
    ) {
        let first = divide(budget, AUDIO, &demands);
        prop_assert_eq!(&first, &divide(budget, AUDIO, &demands));
        let after = carried_out(&demands, &first.0);
        let (again, _) = divide(budget, AUDIO, &after);
        prop_assert_eq!(first.0, again);
    }

    #[test]
    fn the_more_important_are_never_paused_for_the_less_important(
        budget in 0..2_000_000_u64,
        demands in prop::collection::vec(owned(), 0..14),
    ) {
        let (choices, _) = divide(budget, AUDIO, &demands);
        let of = |is_paused: bool| {
            demands
                .iter()
                .zip(&choices)
                .filter(move |(demand, choice)| {
                    !demand.layers.is_empty() && (**choice == Choice::Paused) == is_paused
                })
                .map(|(demand, _)| demand.priority)
        };
        if let (Some(paused), Some(going)) = (of(true).max(), of(false).min()) {
            prop_assert!(paused <= going);
        }
    }

    // Whoever probes up to the given bitrate finds something to do with it.
    #[test]
    fn the_next_upgrade_happens_at_the_bitrate_that_was_given(
        budget in 0..8_000_000_u64,
        demands in prop::collection::vec(owned(), 0..14),
    ) {
        let (choices, next) = divide(budget, AUDIO, &demands);
        let after = carried_out(&demands, &choices);
        let Some(next) = next else {
            // Everybody has what there is.
            let (rich, _) = divide(u64::MAX, AUDIO, &after);
            prop_assert_eq!(choices, rich);
            return Ok(());
        };
        prop_assert!(next > budget);
        let (then, _) = divide(next, AUDIO, &demands);
        prop_assert_ne!(choices, then);
    }
}
