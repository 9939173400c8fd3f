//! What a worker's forwarding unit wants done, and to whom it is told.

use std::collections::VecDeque;

use model::ConnectionId;
use sfu::{Layers, Output, PeerFault, Transport};
use stage::CloseCause;

use super::Worker;
use crate::mailbox::FeedNews;

impl Worker {
    /// Carries out what the forwarding unit wants.
    pub(super) fn carry_out(&mut self) {
        while let Some(output) = self.sfu.poll_output() {
            match output {
                Output::Transmit(transmit) => match transmit.transport {
                    Transport::Udp => {
                        if let Some(buffer) = self.udp.send(transmit) {
                            self.sfu.reuse(buffer);
                        }
                    }
                    Transport::Tcp => {
                        self.tcp.send(transmit.destination, &transmit.contents);
                        self.sfu.reuse(transmit.contents);
                    }
                },
                Output::Answer { connection, result } => {
                    if !self.reoffers.remove(&connection) && result.is_err() {
                        self.peers.remove(&connection);
                        self.feeds.close(connection);
                    }
                    // Nobody waits any more where the client has gone; its door closes the peer.
                    if let Some(answer) = self.answers.remove(&connection) {
                        let _ = answer.send(result);
                    }
                }
                Output::Patched { connection, result } => {
                    let waiting = self.patches.get_mut(&connection);
                    if let Some(reply) = waiting.and_then(VecDeque::pop_front) {
                        let _ = reply.send(result);
                    }
                    self.patches.retain(|_, waiting| !waiting.is_empty());
                }
                Output::Connected { connection } => {
                    let tell = |news: &mut FeedNews| news.is_connected = true;
                    if !self.feeds.tell(connection, tell) {
                        let connected = stage::Input::Connected { connection };
                        self.reports.facts.push(connected);
                    }
                }
                Output::Closed { connection, fault } => self.ended(connection, fault),
                Output::Bound {
                    connection,
                    bindings,
                } => {
                    self.feeds
                        .tell(connection, |news| news.bindings = Some(bindings));
                }
                Output::Need {
                    connection,
                    audio,
                    video,
                } => {
                    self.feeds
                        .tell(connection, |news| news.need = Some((audio, video)));
                }
                output @ (Output::RelayOpened { .. }
                | Output::Relay { .. }
                | Output::RelayClosed { .. }
                | Output::KeyFrame { .. }
                | Output::MirrorIdle { .. }
                | Output::MirrorLost { .. }) => self.relays.carry_out(output),
                Output::Layers { connection, layers } => self.layers(connection, layers),
                Output::Voice {
                    connection,
                    is_speaking,
                    level,
                } => {
                    let level = is_speaking.then_some(level);
                    self.reports.speakers.heard(connection, level);
                }
                Output::Quality {
                    connection,
                    quality,
                } => {
                    self.feeds
                        .tell(connection, |news| news.quality = Some(quality));
                }
            }
        }
        self.relays.wake();
    }

    /// A peer has ended on its own account.
    pub(super) fn ended(&mut self, connection: ConnectionId, fault: PeerFault) {
        self.peers.remove(&connection);
        if let Some(mailbox) = self.feeds.close(connection) {
            return mailbox.put(|news| news.closed = Some(fault));
        }
        let cause = cause_of(fault);
        // Where a door or `stage` was faster it has told already, or knows.
        if self.reports.connections.peer_ended(connection) {
            let closed = stage::Input::Closed { connection, cause };
            self.reports.facts.push(closed);
        }
    }

    fn layers(&self, connection: ConnectionId, layers: Layers) {
        let publisher = layers.publisher;
        let mut layers = Some(layers);
        self.feeds.tell(connection, |news| {
            news.layers
                .extend(layers.take().map(|layers| (publisher, layers)));
        });
        if let Some(layers) = layers {
            self.reports.connections.session_layers(connection, layers);
        }
    }
}

/// What `stage` is told about an end.
pub(crate) fn cause_of(fault: PeerFault) -> CloseCause {
    match fault {
        PeerFault::Timeout => CloseCause::Timeout,
        PeerFault::Fault(code) => CloseCause::Fault(code),
        PeerFault::ClosedByPeer | PeerFault::PublisherGone | PeerFault::Offer => CloseCause::Client,
    }
}
