//! What people read: results on standard output, faults on standard error. A reader that has gone is no fault of ours, so
//! nothing here fails, as `print!` would.

use std::io::Write as _;

/// A result.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// What went wrong.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "downstage: {text}");
}
