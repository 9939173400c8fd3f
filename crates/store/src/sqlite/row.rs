//! Columns to values and back, and the pieces of SQL that several statements share.

use jiff::Timestamp;
use model::IdError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;

/// The key of the stage whose account, region and id are the first three parameters.
macro_rules! stage_key {
    () => {
        "(SELECT key FROM stage WHERE account = ?1 AND region = ?2 AND id = ?3)"
    };
}

/// The key of the session whose id is the fourth parameter, on that stage.
macro_rules! session_key {
    () => {
        concat!(
            "(SELECT key FROM session WHERE stage = ",
            $crate::sqlite::row::stage_key!(),
            " AND id = ?4)"
        )
    };
}

/// A query with the parts of an ARN bound as the first three parameters, like those of `stage_key!`.
macro_rules! for_arn {
    ($query:expr, $arn:expr) => {
        $query
            .bind($arn.account.as_str())
            .bind($arn.region.as_str())
            .bind($arn.id.as_str())
    };
}

/// The ARN of a row that has the columns `account`, `region` and `id`.
macro_rules! arn_of {
    ($row:expr, $arn:ident, $id:ident) => {
        $arn {
            region: $crate::sqlite::row::parse_id(model::Region::parse(&$row.region))?,
            account: $crate::sqlite::row::parse_id(model::AccountId::parse(&$row.account))?,
            id: $crate::sqlite::row::parse_id(model::$id::parse(&$row.id))?,
        }
    };
}

pub(super) use {arn_of, for_arn, session_key, stage_key};

/// Nanoseconds since 1970. 64 bits reach from 1677 to 2262; a time outside is moved to the nearer end, which keeps the order.
pub(super) fn nanoseconds(at: Timestamp) -> i64 {
    let end = if at < Timestamp::UNIX_EPOCH {
        i64::MIN
    } else {
        i64::MAX
    };
    i64::try_from(at.as_nanosecond()).unwrap_or(end)
}

/// The time of a column.
pub(super) fn timestamp(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds.into())
        .expect("64 bits of nanoseconds lie within the years of a timestamp")
}

/// The text of a JSON column.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("maps with text keys and plain structs have a JSON form")
}

/// The value of a JSON column.
pub(super) fn parse_json<T: DeserializeOwned>(
    text: &str,
    what: &'static str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).or(Err(StoreError::Corrupt { what }))
}

/// The id or ARN of a column.
pub(super) fn parse_id<T>(parsed: Result<T, IdError>) -> Result<T, StoreError> {
    parsed.map_err(|fault| StoreError::Corrupt { what: fault.kind })
}

/// A sequence as a column. Sequences count up from one within a session, so the upper half of 64 bits is out of reach.
pub(super) fn sequence_column(sequence: u64) -> Result<i64, StoreError> {
    i64::try_from(sequence).or(Err(StoreError::Corrupt {
        what: "event sequence",
    }))
}

/// The sequence of a column.
pub(super) fn sequence(column: i64) -> Result<u64, StoreError> {
    u64::try_from(column).or(Err(StoreError::Corrupt {
        what: "event sequence",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_nanoseconds_and_stay_in_order_at_the_ends() {
        for ns in [0, 1, -1, 1_700_000_000_123_456_789, i64::MAX, i64::MIN] {
            assert_eq!(nanoseconds(timestamp(ns)), ns);
        }
        assert_eq!(nanoseconds(Timestamp::MAX), i64::MAX);
        assert_eq!(nanoseconds(Timestamp::MIN), i64::MIN);
    }
}
