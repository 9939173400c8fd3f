//! On which worker a subscriber is served.
//!
//! A stage has a home: the worker of its publishers. Its subscribers are there too until there are so many that another core is
//! worth the way to it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::StageArn;

/// Who is where.
#[derive(Debug)]
pub(crate) struct Placement {
    workers: usize,
    /// Most subscribers of one stage on one worker, while another has room.
    subscribers_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// Subscribers of each stage on each worker; a stage without any is not there.
    stages: HashMap<StageArn, Vec<usize>>,
    /// Subscribers on each worker.
    totals: Vec<usize>,
}

/// The place of one subscriber, given up by its drop.
#[derive(Debug)]
pub(crate) struct Seat {
    placement: Arc<Placement>,
    stage: StageArn,
    /// The worker that serves it.
    pub(crate) worker: usize,
}

impl Placement {
    /// All workers are empty. Zeroes count as 1.
    pub(crate) fn new(workers: usize, subscribers_max: usize) -> Self {
        let workers = workers.max(1);
        Self {
            workers,
            subscribers_max: subscribers_max.max(1),
            taken: Mutex::new(Taken {
                stages: HashMap::new(),
                totals: vec![0; workers],
            }),
        }
    }

    /// The worker of a stage's publishers: always the same, wherever and whenever it is asked.
    pub(crate) fn home(&self, stage: &StageArn) -> usize {
        // FNV-1a, 64 bits.
        let hash = stage
            .id
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        // The high half is mixed best; it fits any usize.
        usize::try_from(hash >> 33).unwrap_or(0) % self.workers
    }

    /// A place for one more subscriber of a stage.
    pub(crate) fn seat(self: &Arc<Self>, stage: &StageArn) -> Seat {
        let home = self.home(stage);
        let worker = self.with(|taken| {
            let totals = &mut taken.totals;
            let counts = taken.stages.entry(stage.clone());
            let counts = counts.or_insert_with(|| vec![0; self.workers]);
            let worker = choose(home, counts, totals, self.subscribers_max);
            let both = [counts.get_mut(worker), totals.get_mut(worker)];
            for count in both.into_iter().flatten() {
                *count += 1;
            }
            worker
        });
        Seat {
            placement: Arc::clone(self),
            stage: stage.clone(),
            worker,
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Taken) -> T) -> T {
        act(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.placement.with(|taken| {
            if let Some(counts) = taken.stages.get_mut(&self.stage) {
                if let Some(count) = counts.get_mut(self.worker) {
                    *count = count.saturating_sub(1);
                }
                if counts.iter().all(|count| *count == 0) {
                    taken.stages.remove(&self.stage);
                }
            }
            if let Some(total) = taken.totals.get_mut(self.worker) {
                *total = total.saturating_sub(1);
            }
        });
    }
}

/// At home while there is room; then where the stage is already, so that its packets cross to few workers; then on the worker with
/// the fewest subscribers of all stages. Where every worker has as many of the stage as are wanted, the last rule alone counts.
fn choose(home: usize, counts: &[usize], totals: &[usize], subscribers_max: usize) -> usize {
    let has_room = |worker: &usize| {
        let count = counts.get(*worker);
        count.is_some_and(|count| *count < subscribers_max)
    };
    if has_room(&home) {
        return home;
    }
    let others = || (0..counts.len()).filter(has_room);
    let is_begun = |worker: &usize| counts.get(*worker).is_some_and(|count| *count > 0);
    let load = |worker: &usize| totals.get(*worker).copied();
    others()
        .find(is_begun)
        .or_else(|| others().min_by_key(load))
        .or_else(|| (0..counts.len()).min_by_key(load))
        .unwrap_or(home)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(id: &str) -> StageArn {
        StageArn::parse(&format!("arn:aws:ivs:us-west-2:123456789012:stage/{id}")).unwrap()
    }

    fn workers(seats: &[Seat]) -> Vec<usize> {
        seats.iter().map(|seat| seat.worker).collect()
    }

    #[test]
    fn subscribers_stay_at_home_until_it_is_full_and_then_fill_one_worker_after_the_other() {
        let placement = Arc::new(Placement::new(3, 2));
        let stage = stage("abcdABCDefgh");
        let home = placement.home(&stage);
        let seats: Vec<_> = (0..6).map(|_| placement.seat(&stage)).collect();
        let workers = workers(&seats);
        assert_eq!(workers[..2], [home; 2]);
        assert!(
            workers[2] != home && workers[2] == workers[3],
            "{workers:?}"
        );
        assert!(
            workers[4] == workers[5] && !workers[..4].contains(&workers[4]),
            "{workers:?}"
        );
    }

    #[test]
    fn a_stage_that_outgrows_its_home_goes_to_the_worker_with_the_fewest_subscribers() {
        let placement = Arc::new(Placement::new(3, 1));
        let mut all: Vec<_> = (0..40).map(|at| stage(&format!("stage{at:07}"))).collect();
        let first = all.remove(0);
        let home = placement.home(&first);
        let at_home = placement.seat(&first);
        let busy = (home + 1) % 3;
        let mut others = all.into_iter();
        let other = others.find(|stage| placement.home(stage) == busy).unwrap();
        let _other = placement.seat(&other);
        let away = placement.seat(&first);
        assert_eq!((at_home.worker, away.worker), (home, (home + 2) % 3));
    }

    #[test]
    fn full_workers_share_what_is_too_much_and_places_that_are_given_up_are_free() {
        let placement = Arc::new(Placement::new(2, 1));
        let stage = stage("abcdABCDefgh");
        let home = placement.home(&stage);
        let mut seats: Vec<_> = (0..4).map(|_| placement.seat(&stage)).collect();
        let mut counts = [0; 2];
        for worker in workers(&seats) {
            counts[worker] += 1;
        }
        assert_eq!(counts, [2, 2]);
        seats.retain(|seat| seat.worker != home);
        assert_eq!(placement.seat(&stage).worker, home);
        drop(seats);
        placement.with(|taken| {
            assert!(taken.stages.is_empty());
            assert_eq!(taken.totals, [0, 0]);
        });
    }
}
