//! A socket with the RTMP session on it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use rtmp::server::{Event, Session};
use rtmp::{Fault, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep, timeout};

#[cfg(test)]
mod tests;

/// What is read at once: a tenth of a second of an ordinary stream.
const READ_BYTES: usize = 16 * 1024;
/// How long a peer may take to hear why it is closed, and to close its side. An encoder listens when it has something to write,
/// and one that is busy with a picture has nothing for seconds.
const FAREWELL: Duration = Duration::from_secs(5);
/// The same where the doors close, where it has not asked to publish and is told nothing, and for taking what it is told.
const SHORT_FAREWELL: Duration = Duration::from_secs(1);
/// Bytes that are read and thrown away meanwhile: three times what a stream of the highest bit rate has in that time.
const FAREWELL_BYTES_MAX: usize = 16 << 20;

/// One connection of an encoder.
pub(crate) struct Wire<S> {
    socket: S,
    session: Session,
    buffer: Box<[u8]>,
    out: Bytes,
    /// Written, and perhaps not sent yet.
    is_unflushed: bool,
    /// Since when the peer takes nothing of what it is told.
    stuck: Option<Instant>,
    /// When something came last.
    heard: Instant,
}

/// How a turn of a connection has ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// So many bytes have come, and events with them.
    Read(usize),
    /// The peer has closed it, or it is broken.
    Gone,
    /// The peer broke a rule of RTMP.
    Fault(Fault),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(socket: S, session: Session) -> Self {
        Self {
            socket,
            session,
            buffer: vec![0; READ_BYTES].into(),
            out: Bytes::new(),
            is_unflushed: false,
            stuck: None,
            heard: Instant::now(),
        }
    }

    /// What the encoder has done next.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.session.poll_event()
    }

    pub(crate) fn is_shaken(&self) -> bool {
        self.session.is_shaken()
    }

    /// Lets the pending publish begin.
    pub(crate) fn accept(&mut self) {
        self.session.accept();
    }

    /// When something came last.
    pub(crate) fn heard(&self) -> Instant {
        self.heard
    }

    /// Since when the peer takes nothing of what it is told.
    pub(crate) fn stuck(&self) -> Option<Instant> {
        self.stuck
    }

    /// Writes what waits and reads what comes. Nothing is lost where it is dropped.
    pub(crate) async fn turn(&mut self) -> Turn {
        let read = std::future::poll_fn(|context| self.poll(context)).await;
        let Ok(count @ 1..) = read else {
            return Turn::Gone;
        };
        self.heard = Instant::now();
        let came = self.buffer.get(..count).unwrap_or_default();
        match self.session.receive(came) {
            Ok(()) => Turn::Read(count),
            Err(fault) => Turn::Fault(fault),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Err(error)) = self.poll_write(context) {
            return Poll::Ready(Err(error));
        }
        let mut buffer = ReadBuf::new(&mut self.buffer);
        match Pin::new(&mut self.socket).poll_read(context, &mut buffer) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(buffer.filled().len())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Ready when all is written.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.out.is_empty() {
                match self.session.poll_transmit() {
                    Some(out) => self.out = out,
                    None => break,
                }
                continue;
            }
            match Pin::new(&mut self.socket).poll_write(context, &self.out) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    self.out.advance(count);
                    self.is_unflushed = true;
                    self.stuck = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.stay(),
            }
        }
        if self.is_unflushed {
            match Pin::new(&mut self.socket).poll_flush(context) {
                Poll::Ready(Ok(())) => self.is_unflushed = false,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.stay(),
            }
        }
        self.stuck = None;
        Poll::Ready(Ok(()))
    }

    fn stay(&mut self) -> Poll<io::Result<()>> {
        self.stuck.get_or_insert_with(Instant::now);
        Poll::Pending
    }

    /// Tells the publisher why it is over, if it has asked to publish, and closes: first the side of the server. What still comes
    /// is read and thrown away until the peer has closed its side: whoever writes to a closed socket hears that and no reason, and
    /// closing over unread bytes would take the reason back. `hurry` ends the patience soon. The socket is to be dropped after it.
    pub(crate) async fn close(&mut self, status: &Status, hurry: impl Future<Output = ()> + Send) {
        let patience = if self.session.end(status) {
            FAREWELL
        } else {
            SHORT_FAREWELL
        };
        let told = timeout(SHORT_FAREWELL, self.tell()).await;
        if !matches!(told, Ok(Ok(()))) {
            return;
        }
        let hurry = async {
            hurry.await;
            sleep(SHORT_FAREWELL).await;
        };
        tokio::select! {
            () = hurry => {}
            _ = timeout(patience, self.hear_out()) => {}
        }
    }

    async fn tell(&mut self) -> io::Result<()> {
        std::future::poll_fn(|context| self.poll_write(context)).await?;
        std::future::poll_fn(|context| Pin::new(&mut self.socket).poll_shutdown(context)).await
    }

    async fn hear_out(&mut self) -> io::Result<()> {
        let mut left = FAREWELL_BYTES_MAX;
        while left > 0 {
            let read = std::future::poll_fn(|context| {
                let mut buffer = ReadBuf::new(&mut self.buffer);
                Pin::new(&mut self.socket)
                    .poll_read(context, &mut buffer)
                    .map_ok(|()| buffer.filled().len())
            });
            match read.await? {
                0 => break,
                count => left = left.saturating_sub(count),
            }
        }
        Ok(())
    }
}
