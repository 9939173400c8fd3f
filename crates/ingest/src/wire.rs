//! A socket with the RTMP session on it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use rtmp::server::{Event, Session};
use rtmp::{Fault, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout};

/// What is read at once: a tenth of a second of an ordinary stream.
const READ_BYTES: usize = 16 * 1024;
/// How long a peer may take to hear why it is closed, and to close its side.
const FAREWELL: Duration = Duration::from_secs(1);

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

    /// Tells the publisher why it is over, if it has asked to publish, and closes. What still comes is read and thrown away for a
    /// while: closing over unread bytes would take the answer back.
    pub(crate) async fn close(mut self, status: Option<&Status>) {
        if let Some(status) = status {
            self.session.end(status);
        }
        let _ = timeout(FAREWELL, self.part()).await;
    }

    async fn part(&mut self) -> io::Result<()> {
        std::future::poll_fn(|context| self.poll_write(context)).await?;
        std::future::poll_fn(|context| Pin::new(&mut self.socket).poll_shutdown(context)).await?;
        loop {
            let read = std::future::poll_fn(|context| {
                let mut buffer = ReadBuf::new(&mut self.buffer);
                Pin::new(&mut self.socket)
                    .poll_read(context, &mut buffer)
                    .map_ok(|()| buffer.filled().len())
            });
            if read.await? == 0 {
                return Ok(());
            }
        }
    }
}
