//! One entry of a list in a document, on its way to a resource.
//!
//! What the API's create operation reads goes through that operation's own checks, as a call of the account that the entry
//! names; identities, keys and times, which the operation would make up, are read here.

use std::str::FromStr as _;
use std::sync::Arc;

use auth::policy::Policy;
use auth::sigv4::Secret;
use jiff::Timestamp;
use model::{AccountId, IdError, Now, Region, ResourceArn};
use serde_json::{Map, Value};
use wire::error::OperationError;
use wire::{Invalid, RequestParts};

use super::members::{self, Kind};
use super::place::Place;
use crate::AccessKey;
use crate::admin::problem::Problem;
use crate::app::{App, Call, Caller};
use crate::error::Failure;

/// Whose an entry is that does not say so: the account and region of the examples.
const ACCOUNT_DEFAULT: &str = "000000000000";
const REGION_DEFAULT: &str = "us-east-1";

/// When resources may have been made: beyond these years somebody mistook the unit.
const CREATED_YEARS: std::ops::RangeInclusive<i16> = 1970..=2200;

/// An entry whose members are known ones.
pub(super) struct Entry<'v> {
    members: &'v Map<String, Value>,
    pub(super) place: Place,
    /// Makes the resource in the account and region of the entry.
    pub(super) call: Call,
    /// Its identity, if it names one.
    pub(super) arn: Option<ResourceArn>,
}

impl<'v> Entry<'v> {
    pub(super) fn read(
        app: &Arc<App>,
        now: Now,
        value: &'v Value,
        place: Place,
        kind: &Kind,
    ) -> Result<Self, Problem> {
        let Value::Object(members) = value else {
            return Err(place.problem("an entry must be an object"));
        };
        members::check(value, &kind.shape, &place)?;
        let arn = read_arn(members, &place, kind)?;
        let (account, region) = match &arn {
            Some(arn) => (arn.account.clone(), arn.region.clone()),
            None => (
                read_id(
                    members,
                    &place,
                    "account",
                    ACCOUNT_DEFAULT,
                    AccountId::parse,
                )?,
                read_id(members, &place, "region", REGION_DEFAULT, Region::parse)?,
            ),
        };
        // Whoever has the administration's key may do everything in every account. It signs nothing.
        let key = AccessKey {
            account,
            secret: Secret::new(String::new()),
            policy: Policy::allow_all(),
        };
        let caller = Caller {
            key: Arc::new(key),
            region,
        };
        let call = Call {
            app: Arc::clone(app),
            caller,
            now,
        };
        Ok(Self {
            members,
            place,
            call,
            arn,
        })
    }

    /// Reads the input of an operation from the members of these names.
    pub(super) fn input<I>(
        &self,
        names: &[&str],
        parse: impl Fn(&RequestParts<'_>) -> Result<I, Invalid>,
    ) -> Result<I, Problem> {
        let chosen = names.iter().filter_map(|name| {
            let value = self.members.get(*name)?;
            Some(((*name).to_owned(), value.clone()))
        });
        let chosen: Map<String, Value> = chosen.collect();
        let body = Value::Object(chosen).to_string().into_bytes();
        let parts = RequestParts {
            body: &body,
            ..RequestParts::default()
        };
        parse(&parts).map_err(|invalid| self.place.go_on(&invalid.at).problem(invalid.message))
    }

    /// Says where the document stands of what an operation refuses.
    pub(super) fn made<T, E: OperationError>(
        &self,
        made: Result<T, Failure<E>>,
    ) -> Result<T, Problem> {
        made.map_err(|failure| match failure {
            Failure::Declared(error) => self.place.problem(error.message()),
            Failure::Server(fault) => Problem::Server(fault),
        })
    }

    /// A member, unless it is absent or null.
    pub(super) fn get(&self, name: &str) -> Option<&'v Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// An error about a member.
    pub(super) fn problem(&self, member: &str, message: impl Into<String>) -> Problem {
        self.place.member(member).problem(message)
    }

    /// A member that is an identifier.
    pub(super) fn id<T>(
        &self,
        name: &str,
        parse: fn(&str) -> Result<T, IdError>,
    ) -> Result<Option<T>, Problem> {
        let read = |value: &Value| {
            value
                .as_str()
                .and_then(|text| parse(text).ok())
                .ok_or_else(|| self.problem(name, "is not a valid identifier"))
        };
        self.get(name).map(read).transpose()
    }

    /// A member that is a time; now, if it is absent.
    pub(super) fn time(&self, name: &str) -> Result<Timestamp, Problem> {
        let Some(value) = self.get(name) else {
            return Ok(self.call.now.wall);
        };
        let time = value
            .as_str()
            .and_then(|text| Timestamp::from_str(text).ok());
        time.filter(|time| CREATED_YEARS.contains(&time.to_zoned(jiff::tz::TimeZone::UTC).year()))
            .ok_or_else(|| {
                self.problem(
                    name,
                    "must be a time such as 2026-03-01T12:00:00Z, from 1970 to 2200",
                )
            })
    }
}

fn read_arn(
    members: &Map<String, Value>,
    place: &Place,
    kind: &Kind,
) -> Result<Option<ResourceArn>, Problem> {
    let Some(value) = members.get("arn").filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let arn = value
        .as_str()
        .and_then(|text| ResourceArn::parse(text).ok());
    let arn = arn.filter(|arn| arn.kind == kind.arn).ok_or_else(|| {
        let form = format!("must be arn:aws:ivs:<region>:<account>:{}/<id>", kind.arn);
        place.member("arn").problem(form)
    })?;
    if let Some(other) = ["account", "region"]
        .iter()
        .find(|name| members.contains_key(**name))
    {
        return Err(place.member(other).problem("the arn says this already"));
    }
    Ok(Some(arn))
}

fn read_id<T>(
    members: &Map<String, Value>,
    place: &Place,
    name: &str,
    default: &str,
    parse: fn(&str) -> Result<T, IdError>,
) -> Result<T, Problem> {
    let text = match members.get(name) {
        None | Some(Value::Null) => Some(default),
        Some(value) => value.as_str(),
    };
    text.and_then(|text| parse(text).ok()).ok_or_else(|| {
        let form = match name {
            "account" => "must be twelve digits",
            _ => "must be a region such as us-east-1",
        };
        place.member(name).problem(form)
    })
}
