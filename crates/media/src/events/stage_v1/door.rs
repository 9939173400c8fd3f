//! How a socket comes in: its first message joins, or goes on with a session.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, close_code};
use model::{ClientInfo, Grant};
use stage::{CloseCause, Input, Reply};
use tokio::sync::mpsc;
use tokio::time::{timeout, timeout_at};

use super::io::Identity;
use super::line::Line;
use super::log;
use super::machine::Machine;
use super::message::{self, Category, Code, Fault, FromClient, Join, Me, ToClient};
use super::run::{Run, Session};
use super::sessions::Return;
use super::shared::TokenName;
use crate::connections::SessionKey;
use crate::events::message::{FAILED, Goodbye};
use crate::events::socket::{self, GOODBYE_PATIENCE, Joined};
use crate::plane::Plane;

/// Serves a socket from its first message on, and its session to the end.
pub(in super::super) async fn knock(
    plane: Arc<Plane>,
    mut socket: WebSocket,
    grant: Grant,
    client: ClientInfo,
) {
    let first = first(&mut socket, plane.liveness_timeout).await;
    let line = Line::of_socket(socket, plane.liveness_timeout);
    match first {
        Ok(join) => admit(plane, line, grant, client, join, None).await,
        Err(Refused::Gone) => {}
        Err(Refused::Offence(code, reason)) => line.close(code, reason).await,
        Err(Refused::Fault(fault)) => {
            let reason = "the first message must be a join";
            refuse(line, fault, close_code::POLICY, reason).await;
        }
    }
}

/// Serves a client whose first message that is, and its session to the end. `via` names the token of the connection by which
/// it comes, if it comes by one.
pub(super) async fn admit(
    plane: Arc<Plane>,
    mut line: Line,
    grant: Grant,
    client: ClientInfo,
    mut join: Join,
    via: Option<TokenName>,
) {
    if let Some(resume) = join.resume.take()
        && let Some(door) = plane.sessions.find(&resume.session.0, &grant)
    {
        let returning = Return {
            line,
            seen: resume.seq,
            offer: join.offer.take(),
            via: via.clone(),
        };
        match door.try_send(returning) {
            Ok(()) => return,
            Err(mpsc::error::TrySendError::Full(Return { line, .. })) => {
                let reason = "another socket is resuming";
                return line.close(close_code::AGAIN, reason).await;
            }
            // It has ended at this very moment: the client joins anew.
            Err(mpsc::error::TrySendError::Closed(returning)) => {
                line = returning.line;
                join.offer = returning.offer;
            }
        }
    }
    enter(plane, line, grant, client, join, via).await;
}

/// Joins, serves the session and leaves.
async fn enter(
    plane: Arc<Plane>,
    line: Line,
    grant: Grant,
    mut client: ClientInfo,
    join: Join,
    via: Option<TokenName>,
) {
    client.sdk_version.clone_from(&join.sdk_version);
    let news = Arc::default();
    let connection = plane.connections.stage_socket_open(&news);
    let tenancy = via.map(|name| plane.tenants.session(&name, connection));
    let mut presence = Joined {
        plane: Arc::clone(&plane),
        connection,
        cause: Some(CloseCause::Client),
    };
    let input = Input::Join {
        connection,
        grant: grant.clone(),
        client: client.clone(),
    };
    let (fault, goodbye) = match plane.ask(input).await {
        Ok(Reply::Joined { session, roster }) => {
            let name = SessionKey::from_random(plane.random());
            let (listed, returns) = plane.sessions.list(name, &grant);
            let identity = Identity {
                name,
                me: Me::of(&grant),
                stage_session: session.as_str().to_owned(),
            };
            let now = tokio::time::Instant::now().into_std();
            let ice = plane.ice_servers(&grant.participant, plane.now().wall);
            let machine = Machine::new(identity, join, Arc::new(roster), ice, now);
            let session = Session {
                grant,
                client,
                presence,
                tenancy,
                _listed: listed,
                returns,
                news,
            };
            return Run::new(plane, session, machine, line).serve().await;
        }
        Ok(Reply::Refused(refusal)) => {
            presence.cause = None;
            let fault = Fault::refused(Category::Join, &refusal);
            (fault, Goodbye::from(&refusal))
        }
        Ok(Reply::Done | Reply::Admitted { .. } | Reply::Exchanged) | Err(_) => {
            (Fault::failed(Category::Join), FAILED)
        }
    };
    drop(presence);
    refuse(line, fault, goodbye.close_code, goodbye.reason).await;
}

/// Why a socket does not come in.
enum Refused {
    Gone,
    Offence(u16, &'static str),
    Fault(Fault),
}

/// The first word. Who does not say it in the time after which a silent client is taken for gone, is.
async fn first(socket: &mut WebSocket, patience: Duration) -> Result<Join, Refused> {
    let patience = tokio::time::Instant::now() + patience;
    loop {
        let Ok(received) = timeout_at(patience, socket.recv()).await else {
            return Err(Refused::Offence(close_code::POLICY, "no join came"));
        };
        let message = received.ok_or(Refused::Gone)?.map_err(|error| {
            let offence = socket::offence(error);
            offence.map_or(Refused::Gone, |(code, reason)| {
                Refused::Offence(code, reason)
            })
        })?;
        let fault = match message {
            Message::Text(text) => match message::parse(&text) {
                Ok(FromClient::Join(join)) => return Ok(join),
                Ok(_) => {
                    let words = "the first message must be a join";
                    Fault::protocol(Code::MessageUnexpected, words)
                }
                Err(explanation) => Fault::protocol(Code::MessageMalformed, explanation),
            },
            Message::Binary(_) => {
                return Err(Refused::Offence(close_code::UNSUPPORTED, "text only"));
            }
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => return Err(Refused::Gone),
        };
        return Err(Refused::Fault(fault));
    }
}

/// Says why, in a frame before all others, and closes.
pub(super) async fn refuse(mut line: Line, fault: Fault, code: u16, reason: &'static str) {
    let text = log::print(0, &ToClient::Error(fault));
    if let Ok(Ok(())) = timeout(GOODBYE_PATIENCE, line.send(text, true)).await {
        line.finish(code, reason).await;
    }
}
