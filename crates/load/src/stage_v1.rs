//! Viewers by the `stage.v1` WebSocket: one connection with slots for everybody. `docs/stage-v1.md` has the messages.
//!
//! A viewer wants everybody and asks for nothing else: it offers slots for all publishers at once, so that the pool need not grow.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::clock;
use crate::http::{Fault, Session};
use crate::options::Bearer;

const PROTOCOL: &str = "stage.v1";
/// A server that answers at all answers within this.
const PATIENCE: Duration = Duration::from_secs(15);
/// What saying goodbye may take.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(1);
/// The longest message: a stage with all its publishers and their attributes is some 100 KB.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Where one viewer joins.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    /// The stage's events, with its topic.
    pub(crate) url: String,
    pub(crate) token: Bearer,
}

/// Joins with an offer, tells what became of it, and stays until it is over.
pub(crate) async fn take(
    seat: Seat,
    offer: String,
    tell: impl FnOnce(Result<Session, Fault>),
    mut is_over: watch::Receiver<bool>,
) {
    let joined = match timeout(PATIENCE, join(&seat, &offer)).await {
        Ok(joined) => joined,
        Err(_) => Err(format!("not joined within {} s", PATIENCE.as_secs())),
    };
    let mut socket = match joined {
        Ok((session, socket)) => {
            tell(Ok(session));
            socket
        }
        Err(fault) => return tell(Err(fault)),
    };
    loop {
        tokio::select! {
            // An error of this is that nobody can say it any more.
            _ = is_over.wait_for(|is_over| *is_over) => break,
            // Pings are answered by reading. What the server tells is of no use to a viewer that wants everything.
            message = socket.next() => if !matches!(message, Some(Ok(_))) { return },
        }
    }
    let goodbye = async {
        socket
            .send(Message::text(json!({ "type": "leave" }).to_string()))
            .await?;
        socket.close(None).await
    };
    // The server that does not take it sees the socket go.
    let _ = timeout(GOODBYE_PATIENCE, goodbye).await;
}

async fn join(seat: &Seat, offer: &str) -> Result<(Session, Socket), Fault> {
    let asked = clock::now();
    let uri = seat
        .url
        .parse()
        .map_err(|_| "the URL cannot be read".to_owned())?;
    let request = ClientRequestBuilder::new(uri)
        .with_sub_protocol(PROTOCOL)
        .with_sub_protocol(&seat.token.0);
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES_MAX));
    let connected = tokio_tungstenite::connect_async_with_config(request, Some(config), true);
    let (mut socket, _) = connected.await.map_err(|error| fault(&error))?;
    let join = json!({ "type": "join", "offer": offer, "want": { "default": "all" } });
    socket
        .send(Message::text(join.to_string()))
        .await
        .map_err(|error| fault(&error))?;
    loop {
        let message = socket
            .next()
            .await
            .ok_or("closed before it was joined")?
            .map_err(|error| fault(&error))?;
        let Message::Text(text) = message else {
            continue;
        };
        if let Some(answer) = answer(&text)? {
            let session = Session {
                sdp: answer,
                resource: None,
                asked,
                answered: clock::now(),
            };
            return Ok((session, socket));
        }
    }
}

/// The answer in a message; `None` if it is another message, an error if there will be no answer.
fn answer(text: &str) -> Result<Option<String>, Fault> {
    let message: Value =
        serde_json::from_str(text).map_err(|_| "a message is no JSON".to_owned())?;
    let member = |name: &str| message.get(name).and_then(Value::as_str);
    let words = |name: &str| member(name).unwrap_or_default().to_owned();
    match member("type") {
        Some("joined") => Ok(member("answer").map(str::to_owned)),
        Some("answer") => Ok(member("sdp").map(str::to_owned)),
        Some("error") => Err(format!("{}: {}", words("code"), words("message"))),
        Some("left") => Err(format!("put out: {}", words("reason"))),
        _ => Ok(None),
    }
}

/// An error in words; those of HTTP have headers, which are left out.
fn fault(error: &Error) -> Fault {
    if let Error::Http(response) = error {
        return format!("refused with {}", response.status());
    }
    error.to_string()
}

#[cfg(test)]
mod tests;
