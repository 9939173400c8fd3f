//! Claims read strictly. Each is of one type only: a date is an integer, never a text or a fraction; what is mistyped is
//! refused, never taken as absent (the class of CVE-2026-25537). All that is wrong is found, not only the first of it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::fault::Fault;
use crate::json::{Json, Object};

/// The only version there is. Its minor part is a bit field of client requirements; `0` has none.
pub(crate) const VERSION: &str = "1.0";

/// The claims of a token, and what is wrong with them.
pub(crate) struct Claims<'a> {
    object: &'a Object,
    faults: &'a mut Vec<Fault>,
}

impl<'a> Claims<'a> {
    /// Reads `object`; what is wrong is added to `faults`.
    pub(crate) fn new(object: &'a Object, faults: &'a mut Vec<Fault>) -> Self {
        Self { object, faults }
    }

    /// The claim must be something else.
    pub(crate) fn fault(&mut self, claim: &'static str, rule: &'static str) {
        self.faults.push(Fault::Claim { claim, rule });
    }

    /// A claim that may be there.
    pub(crate) fn optional(&self, claim: &'static str) -> Option<&'a Json> {
        self.object.get(claim)
    }

    /// A claim that must be there.
    pub(crate) fn required(&mut self, claim: &'static str) -> Option<&'a Json> {
        let value = self.object.get(claim);
        if value.is_none() {
            self.faults.push(Fault::ClaimMissing { claim });
        }
        value
    }

    /// A text that must be there.
    pub(crate) fn text(&mut self, claim: &'static str) -> Option<&'a str> {
        let text = self.required(claim)?.as_text();
        if text.is_none() {
            self.fault(claim, "a text");
        }
        text
    }

    /// A text that must be there and read as `T`.
    pub(crate) fn parsed<T, E>(
        &mut self,
        claim: &'static str,
        rule: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let parsed = self
            .required(claim)?
            .as_text()
            .and_then(|text| parse(text).ok());
        if parsed.is_none() {
            self.fault(claim, rule);
        }
        parsed
    }

    /// `version` must be the one that there is.
    pub(crate) fn version(&mut self) {
        self.parsed("version", "\"1.0\"", |text| {
            (text == VERSION).then_some(()).ok_or(())
        });
    }

    /// A claim that such a token does not have.
    pub(crate) fn foreign(&mut self, claim: &'static str) {
        if self.object.contains_key(claim) {
            self.faults.push(Fault::ClaimForeign { claim });
        }
    }

    /// Checks `iat`, `nbf` and `exp` against each other and the clock, and gives `exp`. Expiry is not judged.
    pub(crate) fn times(
        &mut self,
        now: Timestamp,
        skew: Duration,
        life: &Life,
    ) -> Option<Timestamp> {
        const EARLIER: &str = "a time that has come, by the server's clock and the skew it allows";
        let skew = SignedDuration::try_from(skew).unwrap_or(SignedDuration::MAX);
        let latest = now.saturating_add(skew).unwrap_or(Timestamp::MAX);
        let issued = self.time("iat");
        if issued.is_some_and(|issued| issued > latest) {
            self.fault("iat", EARLIER);
        }
        if self.optional("nbf").is_some()
            && self
                .time("nbf")
                .is_some_and(|not_before| not_before > latest)
        {
            self.fault("nbf", EARLIER);
        }
        let expires = self.time("exp")?;
        let life_secs = expires.as_second() - issued?.as_second();
        if !(1..=life.secs_max).contains(&life_secs) {
            self.fault("exp", life.rule);
        }
        Some(expires)
    }

    fn time(&mut self, claim: &'static str) -> Option<Timestamp> {
        const RULE: &str = "whole seconds since 1970 as an integer";
        let time = time(self.required(claim)?);
        if time.is_none() {
            self.fault(claim, RULE);
        }
        time
    }
}

/// The time that a claim says: whole seconds, as an integer and nothing else.
pub(crate) fn time(value: &Json) -> Option<Timestamp> {
    match value {
        Json::Integer(second) if *second >= 0 => Timestamp::from_second(*second).ok(),
        Json::Null
        | Json::Bool(_)
        | Json::Integer(_)
        | Json::OtherNumber
        | Json::Text(_)
        | Json::List(_)
        | Json::Object(_) => None,
    }
}

/// How long after `iat` a token may end.
pub(crate) struct Life {
    /// At most, in seconds.
    pub(crate) secs_max: i64,
    /// The same in words.
    pub(crate) rule: &'static str,
}
