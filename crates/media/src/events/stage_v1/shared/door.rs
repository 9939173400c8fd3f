//! How a connection comes in.

use std::net::IpAddr;
use std::sync::Arc;

use auth::connection_token::{ConnectionGrant, Unverified};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::Request;

use super::run::Connection;
use super::tenants::TokenName;
use crate::client_info;
use crate::events::{self, Dialect};
use crate::plane::{Plane, peer_address};
use crate::problem::Problem;

/// Serves a connection, unless its token forbids it.
pub(in super::super::super) async fn connect(
    State(plane): State<Arc<Plane>>,
    request: Request<Body>,
) -> Result<Response, Response> {
    let address = peer_address(request.extensions());
    let refused = |problem: Problem| problem.into_response();
    plane.may_try(request.extensions()).map_err(refused)?;
    let (dialect, token) = events::dialect(&request).map_err(refused)?;
    if dialect != Dialect::StageV1 {
        return Err(refused(Problem::token_missing(
            "the subprotocols must be stage.v1 and a connection token",
        )));
    }
    let grant = verify(&plane, token.to_str().unwrap_or_default()).await;
    let grant = grant.map_err(refused)?;
    let name = TokenName {
        account: grant.account.clone(),
        region: grant.region.clone(),
        token: grant.token.clone(),
    };
    // It is there before anybody looks whether its token is revoked: who revokes it from here on finds it.
    let (tenancy, ending) = plane.tenants.connection(&name);
    if plane.is_revoked(&name).await.map_err(refused)? || tenancy.is_revoked() {
        return Err(refused(Problem::token_revoked()));
    }
    let mark = plane.socket_mark().map_err(refused)?;
    let client = client_info::from_headers(request.headers());
    let upgrade = events::upgrade(request, Dialect::StageV1).await?;
    Ok(upgrade.on_upgrade(async move |socket| {
        let connection = Connection::new(
            plane,
            socket,
            Caller {
                grant,
                name,
                address,
                client,
            },
        );
        Box::pin(connection.serve(ending)).await;
        drop((tenancy, mark));
    }))
}

/// Whose connection it is.
pub(super) struct Caller {
    pub(super) grant: ConnectionGrant,
    pub(super) name: TokenName,
    pub(super) address: IpAddr,
    /// What the client says of itself.
    pub(super) client: model::ClientInfo,
}

/// A token's end counts when a connection opens, and so does the key that has signed it.
async fn verify(plane: &Plane, token: &str) -> Result<ConnectionGrant, Problem> {
    let unverified = Unverified::read(token)?;
    let key = plane.public_key(unverified.key()).await?;
    let now = plane.now().wall;
    let grant = unverified.verify_with(&key, now, plane.token_skew)?;
    if grant.has_expired(now) {
        return Err(Problem::token_expired());
    }
    Ok(grant)
}
