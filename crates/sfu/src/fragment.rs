//! `application/trickle-ice-sdpfrag` bodies (RFC 8840 section 9).

use crate::offer::Credentials;
use crate::sdp;

/// What a fragment asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// The credentials it was written for.
    pub(crate) credentials: Credentials,
}

/// Reads a fragment. Its candidates are only checked for being attributes at all: an ICE-lite agent sends no checks, so that
/// unknown transports, names that nobody resolves and addresses that nobody may reach have all the same effect, none.
pub(crate) fn read(text: &str) -> Option<Fragment> {
    let description = sdp::read_fragment(text).ok()?;
    let levels = || {
        std::iter::once(&description.session).chain(
            description
                .sections
                .iter()
                .map(|section| &section.attributes),
        )
    };
    let first = |name: &'static str| levels().find_map(|level| level.first(name));
    let credentials = Credentials::read(first("ice-ufrag"), first("ice-pwd"))?;
    // One bundle has one pair of credentials.
    let agree = levels().all(|level| {
        level
            .all("ice-ufrag")
            .all(|ufrag| ufrag == credentials.ufrag)
            && level
                .all("ice-pwd")
                .all(|password| password == credentials.password)
    });
    let candidates_are_sound = levels()
        .flat_map(|level| level.all("candidate"))
        .all(|value| {
            let words: Vec<_> = value.split_ascii_whitespace().collect();
            matches!(words.as_slice(), [_, component, _, priority, _, port, typ, _, ..]
            if component.parse::<u16>().is_ok() && priority.parse::<u32>().is_ok()
                && port.parse::<u16>().is_ok() && *typ == "typ")
        });
    (agree && candidates_are_sound).then_some(Fragment { credentials })
}
