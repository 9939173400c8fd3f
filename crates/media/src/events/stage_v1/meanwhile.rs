//! What `stage` says while a frame is on its way to a client that reads slowly, or not at all.
//!
//! Most of it waits until the frame is gone. That the participant is put out does not: a client must not keep its media by
//! leaving frames unread.

use std::future::pending;

use tokio::time::{Instant, sleep_until};

use crate::events::socket::GOODBYE_PATIENCE;
use crate::mailbox::{Mailbox, SocketNews};

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Meanwhile {
    news: Option<SocketNews>,
    /// Until when a participant that is put out may take frames.
    until: Option<Instant>,
}

impl Meanwhile {
    /// What has come, once.
    pub(super) fn take(&mut self) -> Option<SocketNews> {
        self.news.take()
    }

    /// Waits for a frame, and calls `put_out` as soon as the participant is. `None` if the client has not taken the frame a
    /// moment after that.
    pub(super) async fn sent<T: Send>(
        &mut self,
        sending: impl Future<Output = T> + Send,
        news: &Mailbox<SocketNews>,
        mut put_out: impl FnMut() + Send,
    ) -> Option<T> {
        let mut sending = std::pin::pin!(sending);
        loop {
            let until = self.until;
            let expired = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                sent = &mut sending => return Some(sent),
                () = expired => return None,
                news = news.take() => {
                    if news.left.is_some() && self.until.is_none() {
                        self.until = Some(Instant::now() + GOODBYE_PATIENCE);
                        put_out();
                    }
                    self.news.get_or_insert_default().add(news);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use model::ConnectionId;
    use stage::LeftReason;
    use tokio::time::Duration;

    use super::*;

    // T30, T45
    #[tokio::test(start_paused = true)]
    async fn t30_who_is_put_out_and_reads_nothing_is_out_at_once() {
        let news = Mailbox::default();
        let mut meanwhile = Meanwhile::default();
        news.put(|news: &mut SocketNews| news.ended.push(ConnectionId(1)));
        let sending = tokio::time::sleep(Duration::from_secs(9));
        let put_out = || unreachable!("nobody is put out");
        assert_eq!(meanwhile.sent(sending, &news, put_out).await, Some(()));

        let mut put_out_at = Vec::new();
        let began = Instant::now();
        news.put(|news| {
            news.ended.push(ConnectionId(2));
            news.left = Some(LeftReason::ParticipantDisconnected);
        });
        for _ in 0..3 {
            let put_out = || put_out_at.push(began.elapsed());
            let sent = meanwhile.sent(pending::<()>(), &news, put_out).await;
            assert_eq!(sent, None);
        }
        assert_eq!(put_out_at, [Duration::ZERO]);
        assert_eq!(began.elapsed(), GOODBYE_PATIENCE, "for all frames together");
        let late = meanwhile.take().unwrap();
        assert_eq!(late.ended, [ConnectionId(1), ConnectionId(2)]);
        assert_eq!(late.left, Some(LeftReason::ParticipantDisconnected));
        assert!(meanwhile.take().is_none());
    }
}
