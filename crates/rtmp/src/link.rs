//! What both ends do with a connection that is shaken: messages in and out, and the control messages between them.

use bytes::Bytes;

use crate::chunk::{Reader, Writer};
use crate::message::{Control, Message, kind};
use crate::{Fault, Limits};

/// The chunk stream of control messages (RTMP 1.0 section 5.4).
const CONTROL_STREAM: u32 = 2;
/// Bytes after which an acknowledgement is due, until the other end says otherwise; and what we ask for.
pub(crate) const WINDOW: u32 = 2_500_000;

pub(crate) struct Link {
    limits: Limits,
    reader: Reader,
    writer: Writer,
    /// Bytes that wait for the socket.
    pub(crate) out: Vec<u8>,
    /// Bytes that have come, the handshake included.
    received: u64,
    acknowledged: u64,
    /// Bytes after which we acknowledge.
    window: u32,
    /// Bytes after which the other end is to acknowledge.
    asked_window: u32,
}

impl Link {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            reader: Reader::new(),
            writer: Writer::new(),
            out: Vec::new(),
            received: 0,
            acknowledged: 0,
            window: WINDOW,
            asked_window: WINDOW,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts bytes that have come.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.received += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// Acknowledges what has come, if that is due; at most once for each time that the socket was read, however small the window.
    pub(crate) fn acknowledge(&mut self) {
        if self.received - self.acknowledged >= u64::from(self.window) {
            self.acknowledged = self.received;
            let [.., a, b, c, d] = self.received.to_be_bytes();
            self.control(Control::Acknowledgement(u32::from_be_bytes([a, b, c, d])));
        }
    }

    /// The next message that is not about the connection itself.
    pub(crate) fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Message>, Fault> {
        while let Some(message) = self.reader.next(bytes, &self.limits)? {
            if !matches!(message.kind, kind::CHUNK_SIZE..=kind::BANDWIDTH) {
                return Ok(Some(message));
            }
            match Control::read(&message)? {
                Control::ChunkSize(size) => self.reader.set_chunk_size(size)?,
                Control::Abort(stream) => self.reader.abort(stream),
                Control::Window(bytes) => self.window = bytes.max(1),
                Control::Bandwidth(bytes) => {
                    // Whoever is given another bandwidth answers with the window of it (RTMP 1.0 section 5.4.5).
                    if bytes != self.asked_window {
                        self.asked_window = bytes;
                        self.control(Control::Window(bytes));
                    }
                }
                Control::Ping(time) => self.control(Control::Pong(time)),
                Control::Acknowledgement(_)
                | Control::StreamBegin(_)
                | Control::Pong(_)
                | Control::Other => {}
            }
            self.check_out()?;
        }
        Ok(None)
    }

    /// Whether the other end makes us say more than it reads.
    pub(crate) fn check_out(&self) -> Result<(), Fault> {
        let max = self.limits.transmit_bytes_max;
        if self.out.len() > max {
            return Err(Fault::Transmit { max });
        }
        Ok(())
    }

    pub(crate) fn control(&mut self, control: Control) {
        self.writer
            .write(CONTROL_STREAM, &control.message(), &mut self.out);
        if let Control::ChunkSize(size) = control {
            self.writer.set_chunk_size(size);
        }
    }

    pub(crate) fn send(&mut self, chunk_stream: u32, message: &Message) {
        self.writer.write(chunk_stream, message, &mut self.out);
    }

    /// All bytes that wait for the socket.
    pub(crate) fn poll_transmit(&mut self) -> Option<Bytes> {
        if self.out.is_empty() {
            return None;
        }
        Some(std::mem::take(&mut self.out).into())
    }
}
