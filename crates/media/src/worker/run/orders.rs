//! What a worker is told to do.

use model::{ConnectionId, Now};
use sfu::Input;

use super::{AnswerSender, Worker};
use crate::worker::inbox::Order;
use crate::worker::relay::Waiting;

impl Worker {
    /// Carries out one order.
    pub(super) fn obey(&mut self, order: Order, now: Now) {
        let input = match order {
            Order::Publish {
                connection,
                offer,
                answer,
            } => {
                self.await_answer(connection, answer);
                Input::Publish { connection, offer }
            }
            Order::Inlet {
                connection,
                description,
            } => {
                self.peers.insert(connection);
                Input::Inlet {
                    connection,
                    description,
                }
            }
            Order::Subscribe {
                connection,
                publisher,
                home,
                offer,
                answer,
            } => {
                self.await_answer(connection, answer);
                if !self.relays.need(publisher, home) {
                    let waiting = Waiting { connection, offer };
                    return self.relays.wait(publisher, waiting);
                }
                Input::Subscribe {
                    connection,
                    publisher,
                    offer,
                }
            }
            Order::Feed {
                connection,
                offer,
                mailbox,
                answer,
            } => {
                self.feeds.open(connection, mailbox);
                self.await_answer(connection, answer);
                Input::Feed { connection, offer }
            }
            Order::Reoffer {
                connection,
                offer,
                claim,
                answer,
            } => {
                // Where the feed is gone, the sender goes too, and its session hears of the end.
                if !self.peers.contains(&connection) || !claim.take() {
                    return;
                }
                self.answers.insert(connection, answer);
                self.reoffers.insert(connection);
                Input::Reoffer { connection, offer }
            }
            Order::Want {
                connection,
                wants,
                homes,
            } => {
                // What is not mirrored yet is bound once it is. For a feed that is gone nothing need be mirrored.
                if self.feeds.contains(connection) {
                    self.relays.need_all(&wants, &homes);
                }
                Input::Want { connection, wants }
            }
            order @ Order::Patch { .. } => return self.patch(order, now),
            Order::Across(across) => return self.relays.obey(across, &mut self.sfu, now),
            Order::Close { connection } => self.close(connection),
            Order::Stop => return,
        };
        self.sfu.handle(input, now);
    }

    fn close(&mut self, connection: ConnectionId) -> Input<'static> {
        self.peers.remove(&connection);
        self.feeds.close(connection);
        self.relays.leave(connection, &mut self.answers);
        Input::Close { connection }
    }

    fn patch(&mut self, order: Order, now: Now) {
        if let Order::Patch {
            connection,
            fragment,
            restart,
            claim,
            reply,
        } = order
            && claim.take()
        {
            self.patches.entry(connection).or_default().push_back(reply);
            let input = Input::Patch {
                connection,
                fragment: &fragment.0,
                restart,
            };
            self.sfu.handle(input, now);
        }
    }

    /// The peer counts from its order on: its close may come in the same turn, before its answer is carried out.
    fn await_answer(&mut self, connection: ConnectionId, answer: AnswerSender) {
        self.peers.insert(connection);
        self.answers.insert(connection, answer);
    }
}
