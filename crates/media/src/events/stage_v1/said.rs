//! What a client says, and what becomes of it.

use sfu::PeerFault;
use stage::LeftReason;

use super::exchange::Wish;
use super::io::{Effect, End};
use super::machine::Machine;
use super::message::{
    Category, Code, Exchange, Fault, FromClient, Offer, Pid, Secret, Sub, ToClient,
};
use super::wants::{ENTRIES_MAX, TooMany};

/// Malformed messages after which a client is taken for something else.
const MALFORMED_MAX: u32 = 20;

impl Machine {
    pub(super) fn said(&mut self, message: FromClient) {
        match message {
            FromClient::Join(_) => {
                let fault =
                    Fault::protocol(Code::MessageUnexpected, "the client has joined already");
                self.tell(&ToClient::Error(fault));
                self.effects
                    .push_back(Effect::End(End::Offence("joined already")));
            }
            FromClient::Sub(sub) => self.sub(&sub),
            FromClient::Offer(Offer { sdp: Secret(sdp) }) => self.offered(&sdp),
            FromClient::Mute(mute) => {
                let mute = stage::Mute {
                    audio: mute.audio,
                    video: mute.video,
                };
                if self.mute != Some(mute) {
                    self.mute = Some(mute);
                    self.effects.push_back(Effect::Mute(mute));
                }
            }
            FromClient::Exchange(Exchange { token }) => self.exchange(token),
            FromClient::Ping(_) => self.tell(&ToClient::Pong),
            FromClient::Leave(_) => self.leave(LeftReason::UserInitiated),
        }
    }

    fn exchange(&mut self, token: Secret) {
        match self.exchanges.wish(token) {
            Wish::Taken => {}
            Wish::Done => self.exchanged_is_news = true,
            Wish::Pending => {
                let message = "another exchange has not been answered";
                let fault = Fault::protocol(Code::ExchangePending, message);
                self.tell(&ToClient::Error(fault));
            }
        }
    }

    pub(super) fn garbled(&mut self, explanation: String) {
        self.malformed = self.malformed.saturating_add(1);
        let fault = Fault::protocol(Code::MessageMalformed, explanation);
        self.tell(&ToClient::Error(fault));
        if self.malformed > MALFORMED_MAX {
            let end = End::Offence("too many malformed messages");
            self.effects.push_back(Effect::End(end));
        }
    }

    fn sub(&mut self, sub: &Sub) {
        if !self.identity.me.may_subscribe() {
            return self.tell(&ToClient::Error(not_allowed()));
        }
        if self.wants.change(sub) == Err(TooMany) {
            let message = format!("at most {ENTRIES_MAX} participants can be named");
            let fault = Fault::protocol(Code::TooManySubs, message);
            return self.tell(&ToClient::Error(fault));
        }
        let named = sub.set.iter().map(|entry| &entry.pid).chain(&sub.reset);
        for Pid(publisher) in named {
            self.links.forgive(publisher);
        }
    }

    /// An offer in a message of its own: of the feed that is there, or for one if there is none.
    fn offered(&mut self, sdp: &str) {
        if self.feed.is_answering() {
            let message = "the offer before this one has not been answered";
            let fault = Fault::new(Code::OfferPending, Category::Subscribe, message);
            return self.tell(&ToClient::Error(fault));
        }
        if !self.feed.is_open() {
            return self.open_feed(sdp);
        }
        match read_offer(sdp) {
            Ok(offer) => {
                self.feed.reoffering();
                self.effects.push_back(Effect::Reoffer(offer));
            }
            Err(fault) => self.fail(fault),
        }
    }

    pub(super) fn open_feed(&mut self, sdp: &str) {
        if !self.identity.me.may_subscribe() {
            return self.fail(not_allowed());
        }
        match read_offer(sdp) {
            Ok(offer) => {
                self.feed.opening();
                self.effects.push_back(Effect::Open(offer));
            }
            Err(fault) => self.fail(fault),
        }
    }
}

fn read_offer(sdp: &str) -> Result<Box<sfu::Offer>, Fault> {
    let offer = sfu::Offer::parse(sdp, sfu::Direction::Feed)?;
    match offer.fault() {
        None => Ok(Box::new(offer)),
        Some(code) => Err(PeerFault::Fault(code).into()),
    }
}

fn not_allowed() -> Fault {
    let message = "the token does not let its holder receive others";
    Fault::new(Code::TokenNotAllowed, Category::Subscribe, message)
}
