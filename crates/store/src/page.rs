//! Keyset pagination.

/// Where a page begins: after this key in the list's order. Its bytes mean something to the store only; whoever hands them
/// to clients seals them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position(pub Vec<u8>);

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Where to begin; `None` is the start.
    pub after: Option<Position>,
    /// How many items at most, 1 to 100.
    pub limit: u32,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins; `None` if this is the last.
    pub next: Option<Position>,
}
