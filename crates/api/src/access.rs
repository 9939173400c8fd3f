//! What a request is about, as the access policy sees it.

use model::{
    EncoderConfigurationArn, IngestConfigurationArn, PublicKeyArn, ResourceArn,
    StorageConfigurationArn, Tags,
};
use store::SharedStore;
use wire::input::ListTagsForResourceInput;
use wire::{Operation, RequestParts};

use crate::app::Caller;
use crate::error::{Refusal, ServerFault};

/// The operations that are about resources of a kind as such, whatever their requests say.
const OF_A_KIND: [(Operation, &str); 11] = [
    (Operation::CreateStage, "stage"),
    (Operation::ListStages, "stage"),
    (Operation::ImportPublicKey, PublicKeyArn::KIND),
    (Operation::ListPublicKeys, PublicKeyArn::KIND),
    (
        Operation::CreateIngestConfiguration,
        IngestConfigurationArn::KIND,
    ),
    (
        Operation::ListIngestConfigurations,
        IngestConfigurationArn::KIND,
    ),
    (
        Operation::CreateEncoderConfiguration,
        EncoderConfigurationArn::KIND,
    ),
    (
        Operation::ListEncoderConfigurations,
        EncoderConfigurationArn::KIND,
    ),
    (
        Operation::CreateStorageConfiguration,
        StorageConfigurationArn::KIND,
    ),
    (
        Operation::ListStorageConfigurations,
        StorageConfigurationArn::KIND,
    ),
    (Operation::ListCompositions, "composition"),
];

/// The resource and the tags that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    resource: String,
    /// Another resource on which the action has to be allowed too.
    beside: Option<String>,
    request_tags: Tags,
    /// Keys of tags that are named alone.
    tag_keys: Vec<String>,
    /// Further actions that the request needs on the same resource.
    also: Option<&'static str>,
}

impl Subject {
    /// A request about an ARN.
    pub(crate) fn arn(arn: &str) -> Self {
        Self {
            resource: arn.to_owned(),
            beside: None,
            request_tags: Tags::new(),
            tag_keys: Vec::new(),
            also: None,
        }
    }

    /// And about another one: the action takes both.
    pub(crate) fn beside(self, arn: &str) -> Self {
        Self {
            beside: Some(arn.to_owned()),
            ..self
        }
    }

    /// A request about resources of a kind as such, `stage` for one: to make one or to list them. The service authorisation
    /// reference names the resource type for both.
    pub(crate) fn kind(caller: &Caller, kind: &str) -> Self {
        Self::arn(&format!(
            "arn:aws:ivs:{}:{}:{kind}/*",
            caller.region, caller.key.account
        ))
    }

    /// With the tags that the request brings.
    pub(crate) fn with_tags(self, tags: Tags) -> Self {
        Self {
            request_tags: tags,
            ..self
        }
    }

    /// With the keys of the tags that the request removes.
    pub(crate) fn with_tag_keys(self, tag_keys: Vec<String>) -> Self {
        Self { tag_keys, ..self }
    }

    /// That makes a resource with tags, which takes the right to tag too.
    pub(crate) fn made_with_tags(self, tags: Tags) -> Self {
        let also = (!tags.is_empty()).then_some("ivs:TagResource");
        Self {
            also,
            ..self.with_tags(tags)
        }
    }

    /// What a request seems to be about whose input cannot be read, or is not read in this build. It decides only whether
    /// the caller hears that the action is denied; nothing else is done with it.
    pub(crate) fn of_unread(
        operation: Operation,
        caller: &Caller,
        parts: &RequestParts<'_>,
    ) -> Self {
        if let Some((_, kind)) = OF_A_KIND.iter().find(|(known, _)| *known == operation) {
            return Self::kind(caller, kind);
        }
        let label = ListTagsForResourceInput::parse(parts).map(|input| input.resource_arn);
        let body: Option<serde_json::Value> = serde_json::from_slice(parts.body).ok();
        let member = |name| {
            let arn = body.as_ref()?.get(name)?.as_str()?;
            ResourceArn::parse(arn).is_ok().then_some(arn)
        };
        let label = label
            .as_deref()
            .ok()
            .filter(|arn| ResourceArn::parse(arn).is_ok());
        let destination = member("destinationStageArn");
        let arn = label
            .or_else(|| member("arn"))
            .or_else(|| member("stageArn"))
            .or_else(|| member("sourceStageArn"));
        let subject = Self::arn(arn.or(destination).unwrap_or("*"));
        match destination {
            Some(destination) => subject.beside(destination),
            None => subject,
        }
    }
}

/// Why a request may not go on.
#[derive(Debug)]
pub(crate) enum Barrier {
    Refused(Refusal),
    Fault(ServerFault),
}

/// Asks the policy. The tags of the resource count if it is the caller's own, and are looked up if the policy asks for them.
pub(crate) async fn authorise(
    store: &SharedStore,
    caller: &Caller,
    action: &'static str,
    subject: &Subject,
) -> Result<(), Barrier> {
    let resources = [Some(&subject.resource), subject.beside.as_ref()];
    for resource in resources.into_iter().flatten() {
        authorise_one(store, caller, action, subject, resource).await?;
    }
    Ok(())
}

/// Asks the policy about one of the resources.
async fn authorise_one(
    store: &SharedStore,
    caller: &Caller,
    action: &'static str,
    subject: &Subject,
    resource: &str,
) -> Result<(), Barrier> {
    let policy = &caller.key.policy;
    let own = ResourceArn::parse(resource)
        .ok()
        .filter(|arn| policy.reads_resource_tags() && caller.owns(&arn.account, &arn.region));
    let resource_tags = match own {
        Some(arn) => store
            .tags_get(&arn)
            .await
            .map_err(|error| Barrier::Fault(error.into()))?
            .unwrap_or_default(),
        None => Tags::new(),
    };
    let action = format!("ivs:{action}");
    for action in [Some(action.as_str()), subject.also].into_iter().flatten() {
        let access = auth::policy::Access {
            action,
            resource,
            resource_tags: &resource_tags,
            request_tags: &subject.request_tags,
            tag_keys: &subject.tag_keys,
        };
        if !policy.allows(&access) {
            return Err(Barrier::Refused(Refusal::Denied {
                action: action.to_owned(),
                resource: resource.to_owned(),
            }));
        }
    }
    Ok(())
}
