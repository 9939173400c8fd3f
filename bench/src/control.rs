//! Control calls: how many a second, and what each costs.

use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Runtime;

use crate::server::Server;
use crate::{Arguments, clock, per_second};

/// Calls of each kind.
const CALLS: usize = 2_000;
/// Calls under way at once.
const AT_ONCE: usize = 8;

/// Measures each kind of call: its name, calls per second, and server CPU per call.
pub(crate) fn measure(
    runtime: &Runtime,
    arguments: &Arguments,
) -> anyhow::Result<Vec<(&'static str, f64, Duration)>> {
    let server = Server::start(&arguments.binary()?, arguments.core)?;
    let api = server.client();
    let stage = runtime
        .block_on(api.create_stage().send())?
        .stage()
        .context("a stage")?
        .arn()
        .to_owned();
    let mut rows = Vec::new();
    for name in ["CreateParticipantToken", "GetStage", "UpdateStage"] {
        let before = server.cpu()?;
        let started = clock::now();
        runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for task in 0..AT_ONCE {
                let (api, stage) = (api.clone(), stage.clone());
                tasks.spawn(async move {
                    for call in 0..CALLS / AT_ONCE {
                        match name {
                            "CreateParticipantToken" => {
                                api.create_participant_token()
                                    .stage_arn(&stage)
                                    .send()
                                    .await?;
                            }
                            "GetStage" => {
                                api.get_stage().arn(&stage).send().await?;
                            }
                            _ => {
                                // A name of its own, so that each call is a write.
                                let name = format!("bench-{task}-{call}");
                                api.update_stage().arn(&stage).name(name).send().await?;
                            }
                        }
                    }
                    anyhow::Ok(())
                });
            }
            while let Some(done) = tasks.join_next().await {
                done??;
            }
            anyhow::Ok(())
        })?;
        let cpu = server.cpu()?.saturating_sub(before) / u32::try_from(CALLS)?;
        rows.push((name, per_second(CALLS, started.elapsed()), cpu));
    }
    Ok(rows)
}
