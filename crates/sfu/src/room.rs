//! Memory that many share who know nothing of each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many bytes for all together who have a [`Share`]. Clones are the same room, on whatever thread.
#[derive(Clone, Debug)]
pub struct Room(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bytes: usize,
    shares: AtomicUsize,
}

/// A part as large as all others. It grows when others are dropped, and shrinks when there are more.
#[derive(Debug)]
pub struct Share(Room);

impl Room {
    /// A room of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Inner {
            bytes,
            shares: AtomicUsize::new(0),
        }))
    }

    /// One more share.
    pub fn share(&self) -> Share {
        self.0.shares.fetch_add(1, Ordering::Relaxed);
        Share(self.clone())
    }

    /// How large each share is now, in bytes.
    pub(crate) fn each(&self) -> usize {
        self.0.bytes / self.0.shares.load(Ordering::Relaxed).max(1)
    }
}

impl Share {
    /// How large it is now, in bytes.
    pub fn bytes(&self) -> usize {
        self.0.each()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.0.shares.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PartialEq for Room {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Room {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_alike_and_the_last_one_has_all() {
        let room = Room::new(1_000);
        let first = room.clone().share();
        assert_eq!(first.bytes(), 1_000);
        let others = [room.share(), room.share()];
        assert_eq!(first.bytes(), 333);
        drop(others);
        assert_eq!(first.bytes(), 1_000);
    }
}
