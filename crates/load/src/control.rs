//! Tokens by the control API of a stage, and where its doors are.

use aws_credential_types::Credentials as Key;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::clock;
use crate::http::{self, Fault};
use crate::options::{Bearer, Credentials, Endpoint, LoadError, Options, RtmpUrl, Watching};
use crate::signalling::Door;
use crate::stage_v1::Seat;

/// Publishers of one stage, as the service has it.
const PUBLISHERS_PER_STAGE: usize = 12;
/// Calls that may be refused for their rate before it is given up.
const TRIES_MAX: u32 = 20;

/// A stage with tokens for everybody, or several where one has no room for all publishers.
#[derive(Debug)]
pub(crate) struct Stage {
    api: Api,
    arns: Vec<String>,
    /// Whether they were made for this load.
    is_ours: bool,
    /// Ingest configurations, which were made for it in any case.
    configurations: Vec<String>,
    /// Where each publisher goes.
    pub(crate) publishers: Vec<Endpoint>,
    /// Where each publisher by RTMP goes.
    pub(crate) encoders: Vec<RtmpUrl>,
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
    /// Makes a stage, if none is given, and all tokens and keys.
    pub(crate) async fn prepare(
        client: Client,
        endpoint: &str,
        stage: Option<&str>,
        credentials: &Credentials,
        watching: Watching,
        options: &Options,
    ) -> Result<Self, LoadError> {
        let api = Api {
            client,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            credentials: credentials.clone(),
        };
        let mut prepared = Self {
            api,
            arns: Vec::new(),
            is_ours: stage.is_none(),
            configurations: Vec::new(),
            publishers: Vec::new(),
            encoders: Vec::new(),
            viewers: vec![Vec::new(); options.viewers_in_all()],
        };
        if let Err(error) = prepared.stages(stage, watching, options).await {
            prepared.delete().await;
            return Err(error);
        }
        Ok(prepared)
    }

    async fn stages(
        &mut self,
        stage: Option<&str>,
        watching: Watching,
        options: &Options,
    ) -> Result<(), LoadError> {
        let mut left = options.publishers;
        while left > 0 {
            let made = match stage {
                Some(arn) => self.api.call("GetStage", &json!({ "arn": arn })).await?,
                None => self.api.call("CreateStage", &json!({})).await?,
            };
            let arn = text(&made, "/stage/arn", "CreateStage")?;
            self.arns.push(arn.clone());
            // A seat is one of one stage, and a stage that is given has to do for all.
            let is_one = stage.is_some() || watching == Watching::StageV1;
            let publishers = if is_one {
                left
            } else {
                left.min(PUBLISHERS_PER_STAGE)
            };
            left -= publishers;
            let whip = text(&made, "/stage/endpoints/whip", "GetStage")?;
            let ids = match options.rtmp.as_ref().and_then(|rtmp| rtmp.urls.first()) {
                Some(url) => self.keys(&arn, url, publishers).await?,
                None => self.tokens(&arn, &whip, publishers).await?,
            };
            match watching {
                Watching::Whep => {
                    let sources = ids.iter().map(|id| format!("{whip}/subscribe/{id}"));
                    self.doors(&arn, &sources.collect::<Vec<_>>()).await?;
                }
                Watching::StageV1 => {
                    let events = text(&made, "/stage/endpoints/events", "GetStage")?;
                    self.seats(&arn, &events).await?;
                }
            }
        }
        Ok(())
    }

    /// Publishers by WHIP; gives their ids.
    async fn tokens(
        &mut self,
        stage: &str,
        whip: &str,
        publishers: usize,
    ) -> Result<Vec<String>, LoadError> {
        let mut ids = Vec::new();
        for _ in 0..publishers {
            let (id, bearer) = self.token(stage, "PUBLISH").await?;
            ids.push(id);
            self.publishers.push(Endpoint {
                url: whip.to_owned(),
                bearer: Some(bearer),
            });
        }
        Ok(ids)
    }

    /// Publishers by RTMP; gives their ids.
    async fn keys(
        &mut self,
        stage: &str,
        url: &RtmpUrl,
        publishers: usize,
    ) -> Result<Vec<String>, LoadError> {
        const CALL: &str = "CreateIngestConfiguration";
        let input = json!({
            "stageArn": stage,
            "ingestProtocol": if url.is_tls { "RTMPS" } else { "RTMP" },
            "insecureIngest": !url.is_tls,
        });
        let mut ids = Vec::new();
        for _ in 0..publishers {
            let made = self.api.call(CALL, &input).await?;
            let member = |name: &str| text(&made, &format!("/ingestConfiguration/{name}"), CALL);
            self.configurations.push(member("arn")?);
            ids.push(member("participantId")?);
            self.encoders.push(url.with_key(&member("streamKey")?));
        }
        Ok(ids)
    }

    /// Viewers with a connection for each publisher.
    async fn doors(&mut self, stage: &str, sources: &[String]) -> Result<(), LoadError> {
        for viewer in 0..self.viewers.len() {
            let (_, bearer) = self.token(stage, "SUBSCRIBE").await?;
            let doors = sources.iter().map(|url| {
                Door::Whep(Endpoint {
                    url: url.clone(),
                    bearer: Some(bearer.clone()),
                })
            });
            if let Some(viewer) = self.viewers.get_mut(viewer) {
                viewer.extend(doors);
            }
        }
        Ok(())
    }

    /// Viewers with one connection.
    async fn seats(&mut self, stage: &str, events: &str) -> Result<(), LoadError> {
        let topic = stage.rsplit('/').next().unwrap_or_default();
        let url = format!("{}/{topic}", events.trim_end_matches('/'));
        for viewer in 0..self.viewers.len() {
            let (_, token) = self.token(stage, "SUBSCRIBE").await?;
            let url = url.clone();
            if let Some(viewer) = self.viewers.get_mut(viewer) {
                viewer.push(Door::Seat(Seat { url, token }));
            }
        }
        Ok(())
    }

    async fn token(&self, stage: &str, capability: &str) -> Result<(String, Bearer), LoadError> {
        const CALL: &str = "CreateParticipantToken";
        let input = json!({ "stageArn": stage, "capabilities": [capability] });
        let made = self.api.call(CALL, &input).await?;
        let id = text(&made, "/participantToken/participantId", CALL)?;
        let token = text(&made, "/participantToken/token", CALL)?;
        Ok((id, Bearer(token)))
    }

    /// Deletes what was made for this load.
    pub(crate) async fn delete(&self) {
        // Nobody can act on a failure here; what is left is empty and unnamed.
        for arn in &self.configurations {
            let input = json!({ "arn": arn, "force": true });
            let _ = self.api.call("DeleteIngestConfiguration", &input).await;
        }
        for arn in self.arns.iter().filter(|_| self.is_ours) {
            let _ = self.api.call("DeleteStage", &json!({ "arn": arn })).await;
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
