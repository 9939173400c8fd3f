//! Tokens by the control API of a stage, and where its doors are.

use aws_credential_types::Credentials as Key;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::clock;
use crate::http::{self, Fault};
use crate::options::{Bearer, Credentials, Endpoint, LoadError, Watching};
use crate::signalling::Door;
use crate::stage_v1::Seat;

/// Calls that may be refused for their rate before it is given up.
const TRIES_MAX: u32 = 20;

/// A stage with tokens for everybody.
#[derive(Debug)]
pub(crate) struct Stage {
    api: Api,
    arn: String,
    /// Whether it was made for this load.
    is_ours: bool,
    /// Where each publisher goes.
    pub(crate) publishers: Vec<Endpoint>,
    /// Where each viewer goes.
    pub(crate) viewers: Vec<Vec<Door>>,
}

#[derive(Clone, Debug)]
struct Api {
    client: Client,
    endpoint: String,
    credentials: Credentials,
}

impl Stage {
    /// Makes a stage, if none is given, and all tokens.
    pub(crate) async fn prepare(
        client: Client,
        endpoint: &str,
        stage: Option<&str>,
        credentials: &Credentials,
        watching: Watching,
        (publishers, viewers): (usize, usize),
    ) -> Result<Self, LoadError> {
        let api = Api {
            client,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            credentials: credentials.clone(),
        };
        let made = match stage {
            Some(arn) => api.call("GetStage", &json!({ "arn": arn })).await?,
            None => api.call("CreateStage", &json!({})).await?,
        };
        let mut prepared = Self {
            api,
            arn: text(&made, "/stage/arn", "CreateStage")?,
            is_ours: stage.is_none(),
            publishers: Vec::new(),
            viewers: Vec::new(),
        };
        let whip = text(&made, "/stage/endpoints/whip", "GetStage")?;
        let seats = match watching {
            Watching::Whep => None,
            Watching::StageV1 => Some(text(&made, "/stage/endpoints/events", "GetStage")?),
        };
        let seats = seats.as_deref();
        if let Err(error) = prepared.tokens(&whip, seats, publishers, viewers).await {
            prepared.delete().await;
            return Err(error);
        }
        Ok(prepared)
    }

    async fn tokens(
        &mut self,
        whip: &str,
        events: Option<&str>,
        publishers: usize,
        viewers: usize,
    ) -> Result<(), LoadError> {
        let mut sources = Vec::new();
        let topic = self.arn.rsplit('/').next().unwrap_or_default().to_owned();
        for _ in 0..publishers {
            let (id, bearer) = self.token("PUBLISH").await?;
            sources.push(format!("{whip}/subscribe/{id}"));
            self.publishers.push(Endpoint {
                url: whip.to_owned(),
                bearer: Some(bearer),
            });
        }
        for _ in 0..viewers {
            let (_, bearer) = self.token("SUBSCRIBE").await?;
            let doors = match events {
                Some(events) => vec![Door::Seat(Seat {
                    url: format!("{}/{topic}", events.trim_end_matches('/')),
                    token: bearer,
                })],
                None => sources
                    .iter()
                    .map(|url| {
                        Door::Whep(Endpoint {
                            url: url.clone(),
                            bearer: Some(bearer.clone()),
                        })
                    })
                    .collect(),
            };
            self.viewers.push(doors);
        }
        Ok(())
    }

    async fn token(&self, capability: &str) -> Result<(String, Bearer), LoadError> {
        const CALL: &str = "CreateParticipantToken";
        let input = json!({ "stageArn": self.arn, "capabilities": [capability] });
        let made = self.api.call(CALL, &input).await?;
        let id = text(&made, "/participantToken/participantId", CALL)?;
        let token = text(&made, "/participantToken/token", CALL)?;
        Ok((id, Bearer(token)))
    }

    /// Deletes the stage if it was made for this load.
    pub(crate) async fn delete(&self) {
        if self.is_ours {
            // Nobody can act on a failure here; the stage is empty and unnamed.
            let _ = self
                .api
                .call("DeleteStage", &json!({ "arn": self.arn }))
                .await;
        }
    }
}

fn text(value: &Value, pointer: &str, call: &'static str) -> Result<String, LoadError> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| LoadError::Control {
        call,
        why: format!("the answer has no {pointer}"),
    })
}

impl Api {
    async fn call(&self, call: &'static str, input: &Value) -> Result<Value, LoadError> {
        let fault = |why: Fault| LoadError::Control { call, why };
        let body = input.to_string();
        for again in 0..TRIES_MAX {
            let request = self.signed(call, &body).map_err(fault)?;
            let response = request.send().await.map_err(http::fault).map_err(fault)?;
            let status = response.status();
            let text = http::text(response).await.map_err(fault)?;
            match status {
                StatusCode::OK => {
                    return serde_json::from_str(&text)
                        .map_err(|_| fault("the answer is no JSON".to_owned()));
                }
                // DeleteStage answers with no content on AWS.
                StatusCode::NO_CONTENT => return Ok(Value::Null),
                StatusCode::TOO_MANY_REQUESTS => {
                    let pause = std::time::Duration::from_millis(50) * (again + 1);
                    tokio::time::sleep(pause).await;
                }
                status => return Err(fault(http::refusal(status, &text))),
            }
        }
        Err(fault("refused for its rate again and again".to_owned()))
    }

    fn signed(&self, call: &str, body: &str) -> Result<reqwest::RequestBuilder, Fault> {
        let failed = |error: &dyn std::fmt::Display| format!("cannot sign: {error}");
        let identity = Key::new(
            &self.credentials.id,
            &self.credentials.secret,
            None,
            None,
            "load",
        )
        .into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.credentials.region)
            .name("ivs")
            .time(clock::wall())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let uri = format!("{}/{call}", self.endpoint);
        let headers = [("content-type", "application/json")];
        let signable = SignableRequest::new(
            "POST",
            uri.as_str(),
            headers.into_iter(),
            SignableBody::Bytes(body.as_bytes()),
        )
        .map_err(|error| failed(&error))?;
        let (instructions, _) = sign(signable, &params)
            .map_err(|error| failed(&error))?
            .into_parts();
        let mut request = self.client.post(&uri).body(body.to_owned());
        for (name, value) in headers.into_iter().chain(instructions.headers()) {
            request = request.header(name, value);
        }
        Ok(request)
    }
}
