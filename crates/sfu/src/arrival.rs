//! When a packet that we have sent reached its receiver, as the receiver reports it.

/// One packet of a transport-wide report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// The packet's transport-wide sequence number.
    pub(crate) sequence: u16,
    /// When it arrived, in microseconds on the receiver's clock, which wraps after 2^24 times 64 ms; `None` if it has not
    /// arrived.
    pub(crate) received: Option<i64>,
}
