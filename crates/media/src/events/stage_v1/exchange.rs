//! Exchanging the token of a session for another: how far that is, and the question to whoever decides.

use std::sync::Arc;
use std::time::Instant;

use auth::bearer;
use model::{ConnectionId, Grant};
use stage::{Input, Reply};

use super::message::Secret;
use crate::plane::Plane;
use crate::problem::Problem;
use auth::allowance::Bucket;

/// Exchanges per second that a session may keep up. Each has a signature to verify and some records to write.
const PER_SECOND: f64 = 1.0;
/// Exchanges that it may make at once. What comes too soon waits.
const BURST: f64 = 5.0;

/// The exchanges of one session: one at a time.
pub(super) struct Exchanges {
    phase: Phase,
    bucket: Bucket,
    /// The token of the last one that has worked.
    newest: Option<bearer::Key>,
}

enum Phase {
    Idle,
    /// It came too soon.
    Waiting(Secret),
    Asking(bearer::Key),
}

/// What becomes of a client's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// There will be an answer.
    Taken,
    /// That very token counts already: a client that has lost an answer asks again.
    Done,
    /// Another one is under way.
    Pending,
}

impl Exchanges {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Idle,
            bucket: Bucket::new(PER_SECOND, BURST, now),
            newest: None,
        }
    }

    /// The client wants that token from now on.
    pub(super) fn wish(&mut self, token: Secret) -> Wish {
        match &self.phase {
            Phase::Idle if self.newest.as_ref().is_some_and(|key| key.is(&token.0)) => Wish::Done,
            Phase::Idle => {
                self.phase = Phase::Waiting(token);
                Wish::Taken
            }
            Phase::Waiting(waiting) if waiting.0 == token.0 => Wish::Taken,
            Phase::Asking(asked) if asked.is(&token.0) => Wish::Taken,
            Phase::Waiting(_) | Phase::Asking(_) => Wish::Pending,
        }
    }

    /// The token to ask about now, if there is one; it counts as asked about.
    pub(super) fn due(&mut self, now: Instant) -> Option<Secret> {
        let Phase::Waiting(token) = &self.phase else {
            return None;
        };
        let token = self.bucket.take(now).then(|| token.clone())?;
        self.phase = Phase::Asking(bearer::Key::new(&token.0));
        Some(token)
    }

    /// When there is something due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting(_) => Some(self.bucket.next()),
            Phase::Idle | Phase::Asking(_) => None,
        }
    }

    /// The exchange has worked.
    pub(super) fn answered(&mut self) {
        if let Phase::Asking(key) = std::mem::replace(&mut self.phase, Phase::Idle) {
            self.newest = Some(key);
        }
    }
}

/// Asks for an exchange; else why there is none, in words that never repeat the token.
pub(super) async fn exchange(
    plane: Arc<Plane>,
    connection: ConnectionId,
    held: Grant,
    token: Secret,
) -> Result<Grant, String> {
    let in_words = |problem: Problem| problem.message().to_owned();
    let grant = plane.verify(&token.0).await.map_err(in_words)?.grant;
    if let Some(claim) = differing(&held, &grant) {
        return Err(format!("the token cannot be exchanged: {claim} differs"));
    }
    let input = Input::Exchange {
        connection,
        grant: grant.clone(),
    };
    match plane.ask(input).await.map_err(in_words)? {
        Reply::Exchanged => Ok(grant),
        Reply::Refused(refusal) => Err(refusal.to_string()),
        Reply::Done | Reply::Joined { .. } | Reply::Admitted { .. } => {
            Err(in_words(Problem::internal()))
        }
    }
}

/// The first claim that must not differ and does.
fn differing(held: &Grant, grant: &Grant) -> Option<&'static str> {
    let claims = [
        ("topic", held.stage.id == grant.stage.id),
        ("resource", held.stage == grant.stage),
        ("jti", held.participant == grant.participant),
        ("whip_url", held.whip_url == grant.whip_url),
        ("events_url", held.events_url == grant.events_url),
    ];
    let differing = claims.into_iter().find(|(_, is_same)| !is_same);
    differing.map(|(claim, _)| claim)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn token(text: &str) -> Secret {
        Secret(text.to_owned())
    }

    #[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
    fn beginning() -> Instant {
        Instant::now()
    }

    fn asked(exchanges: &mut Exchanges, now: Instant) -> Option<String> {
        exchanges.due(now).map(|token| token.0)
    }

    #[test]
    fn one_exchange_is_made_at_a_time_and_a_repeated_wish_is_one() {
        let now = beginning();
        let mut exchanges = Exchanges::new(now);
        assert_eq!(asked(&mut exchanges, now), None);
        assert_eq!(exchanges.wish(token("a")), Wish::Taken);
        assert_eq!(exchanges.wish(token("a")), Wish::Taken);
        assert_eq!(exchanges.wish(token("b")), Wish::Pending);
        assert_eq!(asked(&mut exchanges, now).as_deref(), Some("a"));
        assert_eq!(asked(&mut exchanges, now), None);
        assert_eq!(exchanges.wish(token("a")), Wish::Taken);
        assert_eq!(exchanges.wish(token("b")), Wish::Pending);
        exchanges.answered();
        assert_eq!(exchanges.wish(token("a")), Wish::Done);
        assert_eq!(exchanges.wish(token("b")), Wish::Taken);
        assert_eq!(asked(&mut exchanges, now).as_deref(), Some("b"));
    }

    // T45: a client that exchanges all the time costs little.
    #[test]
    fn t45_what_comes_too_soon_waits_for_its_second() {
        let mut now = beginning();
        let mut exchanges = Exchanges::new(now);
        let mut made = 0;
        let end = now + Duration::from_secs(10);
        while now <= end {
            assert_eq!(exchanges.wish(token(&format!("t{made}"))), Wish::Taken);
            if exchanges.due(now).is_some() {
                assert_eq!(exchanges.poll_timeout(), None);
                exchanges.answered();
                made += 1;
                continue;
            }
            let due = exchanges.poll_timeout().expect("it is due some time");
            assert!(due > now && due <= now + Duration::from_millis(1_001));
            now = due;
        }
        assert!((14..=16).contains(&made), "{made}");
    }
}
