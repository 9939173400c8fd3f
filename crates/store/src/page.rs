//! Keyset pagination: a page begins after a key, not at an offset, so that what is inserted or deleted meanwhile makes no
//! other item appear twice or disappear.

use crate::StoreError;

/// The layout of a position's bytes. Positions of another layout are refused, never misread.
const VERSION: u8 = 1;

/// Where a page begins: after this key in the list's order. Its bytes mean something to the store only; whoever hands them
/// to clients seals them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position(pub Vec<u8>);

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Where to begin; `None` is the start.
    pub after: Option<Position>,
    /// How many items at most, 1 to 100; a number outside is moved to the nearer end.
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

/// The lists that have positions. A position of one list is not valid in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// By (creation, id).
    Stages,
    /// By (start, id), newest first.
    Sessions,
    /// By (first join, id).
    Participants,
    /// By the ARN of the destination.
    Replicas,
    /// By sequence.
    Events,
    /// By (creation, id).
    PublicKeys,
    /// By (creation, id), also those of one stage.
    IngestConfigurations,
    /// By (creation, id).
    EncoderConfigurations,
    /// By (creation, id).
    StorageConfigurations,
}

impl List {
    fn tag(self) -> u8 {
        match self {
            Self::Stages => 1,
            Self::Sessions => 2,
            Self::Participants => 3,
            Self::Events => 4,
            Self::PublicKeys => 5,
            Self::IngestConfigurations => 6,
            Self::EncoderConfigurations => 7,
            Self::StorageConfigurations => 8,
            Self::Replicas => 9,
        }
    }
}

/// A key in a list's order: a time in nanoseconds or a sequence (0 for replicas), then an id or an ARN (empty for events).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) number: i64,
    pub(crate) id: String,
}

impl Key {
    /// Version, list, the number as eight bytes, then the id.
    fn seal(&self, list: List) -> Position {
        let mut bytes = vec![VERSION, list.tag()];
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        Position(bytes)
    }

    fn open(list: List, position: &Position) -> Result<Self, StoreError> {
        const CORRUPT: StoreError = StoreError::Corrupt { what: "position" };
        let Some(([version, tag], rest)) = position.0.split_first_chunk::<2>() else {
            return Err(CORRUPT);
        };
        let Some((number, id)) = rest.split_first_chunk::<8>() else {
            return Err(CORRUPT);
        };
        let id_is_valid = match list {
            List::Stages
            | List::Sessions
            | List::Participants
            | List::PublicKeys
            | List::IngestConfigurations
            | List::EncoderConfigurations
            | List::StorageConfigurations => (1..=64).contains(&id.len()),
            // The longest ARN of the API model.
            List::Replicas => (1..=128).contains(&id.len()),
            List::Events => id.is_empty(),
        } && id.iter().all(u8::is_ascii_graphic);
        if *version != VERSION || *tag != list.tag() || !id_is_valid {
            return Err(CORRUPT);
        }
        Ok(Self {
            number: i64::from_be_bytes(*number),
            id: id.iter().copied().map(char::from).collect(),
        })
    }
}

impl PageRequest {
    /// The key after which the page begins; for a first page one that stands before every key of the list.
    pub(crate) fn key(&self, list: List) -> Result<Key, StoreError> {
        match (&self.after, list) {
            (Some(position), _) => Key::open(list, position),
            // `~` sorts after every character that an id can have.
            (None, List::Sessions) => Ok(Key {
                number: i64::MAX,
                id: "~".to_owned(),
            }),
            (
                None,
                List::Stages
                | List::Participants
                | List::Replicas
                | List::Events
                | List::PublicKeys
                | List::IngestConfigurations
                | List::EncoderConfigurations
                | List::StorageConfigurations,
            ) => Ok(Key {
                number: i64::MIN,
                id: String::new(),
            }),
        }
    }

    /// How many rows to read: one more than the page holds, which tells whether there is a next page.
    pub(crate) fn rows(&self) -> i64 {
        i64::from(self.size()) + 1
    }

    fn size(&self) -> u32 {
        self.limit.clamp(1, 100)
    }
}

impl<T> Page<T> {
    /// The empty last page.
    pub(crate) fn empty() -> Self {
        Self {
            items: Vec::new(),
            next: None,
        }
    }

    /// Makes a page of the rows that were read for `request`.
    pub(crate) fn cut(
        mut items: Vec<T>,
        request: &PageRequest,
        list: List,
        key: impl Fn(&T) -> Key,
    ) -> Self {
        let size = usize::try_from(request.size()).expect("at most 100");
        let more = items.len() > size;
        items.truncate(size);
        let next = if more {
            items.last().map(|last| key(last).seal(list))
        } else {
            None
        };
        Self { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key {
            number: -5,
            id: "st-0123456789abc".to_owned(),
        }
    }

    #[test]
    fn a_position_reads_back_in_its_own_list_only() {
        let position = key().seal(List::Sessions);
        assert_eq!(Key::open(List::Sessions, &position).unwrap(), key());
        for list in [
            List::Stages,
            List::Participants,
            List::Replicas,
            List::Events,
            List::PublicKeys,
            List::IngestConfigurations,
            List::EncoderConfigurations,
            List::StorageConfigurations,
        ] {
            assert!(Key::open(list, &position).is_err(), "{list:?}");
        }
    }

    // T13: whatever a cursor's bytes are, they are either a key or a refusal.
    #[test]
    fn t13_truncated_and_foreign_positions_are_corrupt() {
        let whole = key().seal(List::Stages).0;
        for length in 0..=10 {
            let cut = Position(whole[..length].to_vec());
            assert!(matches!(
                Key::open(List::Stages, &cut),
                Err(StoreError::Corrupt { what: "position" })
            ));
        }
        let mut newer = whole.clone();
        newer[0] += 1;
        let mut long = whole.clone();
        long.extend([b'a'; 64]);
        let mut binary = whole;
        binary.push(0xFF);
        for bytes in [newer, long, binary] {
            assert!(Key::open(List::Stages, &Position(bytes)).is_err());
        }
    }
}
