//! The numbers of a session's frames, and the newest frames, so that a client that lost its socket gets what it missed.

use std::collections::VecDeque;

use axum::extract::ws::Utf8Bytes;

use super::message::{Frame, ToClient};

/// Frames that are kept: with a change every 200 ms more than come in the time of a resume.
const FRAMES_MAX: usize = 256;
/// Their bytes, so that a session costs little while nothing goes wrong. A frame that is longer alone is not kept.
const BYTES_MAX: usize = 32 << 10;

/// The frames of one session.
#[derive(Default)]
pub(super) struct Log {
    /// Of the newest frame; 0 before there is one.
    newest: u64,
    /// The newest frames without a gap, oldest first.
    kept: VecDeque<Utf8Bytes>,
    bytes: usize,
}

impl Log {
    /// Numbers a message and keeps it. What came before a `joined` is not missed by a client that has it, and `joined`
    /// itself, long and full of secrets, is not kept: who has not seen it needs a new one.
    pub(super) fn write(&mut self, message: &ToClient) -> Utf8Bytes {
        self.newest = self.newest.saturating_add(1);
        let text = print(self.newest, message);
        if matches!(message, ToClient::Joined(_)) {
            self.kept.clear();
            self.bytes = 0;
            return text;
        }
        self.bytes = self.bytes.saturating_add(text.len());
        self.kept.push_back(text.clone());
        while self.kept.len() > FRAMES_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(oldest.len());
        }
        text
    }

    /// What came after a frame; `None` if not all of it is kept, or there has been no such frame.
    pub(super) fn after(&self, seen: u64) -> Option<Vec<Utf8Bytes>> {
        let missed = usize::try_from(self.newest.checked_sub(seen)?).ok()?;
        let known = self.kept.len().checked_sub(missed)?;
        Some(self.kept.iter().skip(known).cloned().collect())
    }
}

/// A frame as text. A message of ours always prints.
pub(super) fn print(seq: u64, message: &ToClient) -> Utf8Bytes {
    let text = serde_json::to_string(&Frame { seq, message });
    text.unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::stage_v1::message::Secret;

    fn need(audio: usize) -> ToClient {
        ToClient::Need { audio, video: 0 }
    }

    #[test]
    fn frames_are_numbered_and_those_after_a_number_come_again() {
        let mut log = Log::default();
        let frames: Vec<Utf8Bytes> = (0..3).map(|audio| log.write(&need(audio))).collect();
        assert_eq!(
            frames[0].as_str(),
            r#"{"seq":1,"type":"need","audio":0,"video":0}"#
        );
        assert_eq!(log.after(0), Some(frames.clone()));
        assert_eq!(log.after(2), Some(frames[2..].to_vec()));
        assert_eq!(log.after(3), Some(Vec::new()));
        assert_eq!(log.after(4), None, "there is no such frame");
        assert_eq!(log.after(u64::MAX), None);
    }

    #[test]
    fn what_is_too_old_is_gone() {
        let mut frames = Log::default();
        for audio in 0..FRAMES_MAX + 10 {
            frames.write(&need(audio));
        }
        assert_eq!(frames.after(9), None);
        assert_eq!(
            frames.after(10).map(|frames| frames.len()),
            Some(FRAMES_MAX)
        );
        let long = ToClient::Answer {
            sdp: Secret("x".repeat(BYTES_MAX / 2)),
            slots: Vec::new(),
        };
        frames.write(&long);
        frames.write(&long);
        assert_eq!(frames.after(266), None);
        assert_eq!(frames.after(267).map(|frames| frames.len()), Some(1));
        assert!(frames.bytes <= BYTES_MAX);
    }
}
