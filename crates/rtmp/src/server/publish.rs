//! A stream: what it is in, and its media.

use crate::amf0::{self, Value};
use crate::command::amf0_body;
use crate::message::{Message, kind};
use crate::{Fault, Metadata, StreamName, flv};

use super::{Event, Session};

/// Bytes that stand for one message that is held, beside its body.
const HELD_MESSAGE_BYTES: usize = 64;

/// Where the one stream of a session stands.
#[derive(Default)]
pub(super) enum Publishing {
    /// None was asked for.
    #[default]
    No,
    /// Asked for, and not answered.
    Pending {
        stream: u32,
        name: StreamName,
        held: Held,
    },
    Live {
        stream: u32,
        name: StreamName,
    },
    /// There was one.
    Past,
}

/// What an encoder has sent without waiting for the answer.
#[derive(Default)]
pub(super) struct Held {
    pub(super) messages: Vec<Message>,
    bytes: usize,
}

impl Publishing {
    /// The message stream.
    pub(super) fn stream(&self) -> Option<u32> {
        match self {
            Self::Pending { stream, .. } | Self::Live { stream, .. } => Some(*stream),
            Self::No | Self::Past => None,
        }
    }

    pub(super) fn name(&self) -> Option<&StreamName> {
        match self {
            Self::Pending { name, .. } | Self::Live { name, .. } => Some(name),
            Self::No | Self::Past => None,
        }
    }
}

impl Session {
    /// Audio, video or data. On which message stream it comes is no matter, as there is one publish at a time.
    pub(super) fn media(&mut self, message: Message) -> Result<(), Fault> {
        match &mut self.publishing {
            Publishing::Live { .. } => {}
            Publishing::Pending { held, .. } => {
                let max = self.link.limits().pending_bytes_max;
                held.bytes += message.body.len() + HELD_MESSAGE_BYTES;
                if held.bytes > max {
                    return Err(Fault::Pending { max });
                }
                held.messages.push(message);
                return Ok(());
            }
            // The last of a stream that was just ended.
            Publishing::Past => return Ok(()),
            Publishing::No => {
                return Err(Fault::Unpublished(match message.kind {
                    kind::AUDIO => "audio",
                    kind::DATA | kind::DATA_AMF3 => "data",
                    _ => "video",
                }));
            }
        }
        match message.kind {
            kind::AUDIO => self.audio(&message),
            kind::VIDEO => self.video(&message),
            kind::AGGREGATE => flv::split_aggregate(&message)?
                .into_iter()
                .try_for_each(|message| self.media(message)),
            _ => self.data(&message),
        }
    }

    fn audio(&mut self, message: &Message) -> Result<(), Fault> {
        let tracks = flv::Audio::read(&message.body, self.link.limits().tracks_max)?;
        if !tracks.is_empty() {
            let at_ms = self.clock.at(message.timestamp);
            let event = |audio| Event::Audio { at_ms, audio };
            self.events.extend(tracks.into_iter().map(event));
        }
        Ok(())
    }

    fn video(&mut self, message: &Message) -> Result<(), Fault> {
        let tracks = flv::Video::read(&message.body, self.link.limits().tracks_max)?;
        if !tracks.is_empty() {
            let at_ms = self.clock.at(message.timestamp);
            let event = |video| Event::Video { at_ms, video };
            self.events.extend(tracks.into_iter().map(event));
        }
        Ok(())
    }

    /// `@setDataFrame` with `onMetaData`, or `onMetaData` alone; other data is passed over.
    fn data(&mut self, message: &Message) -> Result<(), Fault> {
        let mut values = amf0::Reader::new(amf0_body(message), self.link.limits());
        let mut name = values.value()?;
        if name.as_ref().and_then(Value::as_str) == Some("@setDataFrame") {
            name = values.value()?;
        }
        if name.as_ref().and_then(Value::as_str) == Some("onMetaData") {
            let object = values.value()?.unwrap_or(Value::Null);
            self.events
                .push_back(Event::Metadata(Metadata::read(&object)));
        }
        Ok(())
    }
}
