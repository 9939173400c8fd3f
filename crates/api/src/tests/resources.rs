//! Resources of each kind for tests, and the public keys to import, the same in each run.

use super::*;

/// `SubjectPublicKeyInfo` on P-384, base64 in the lines of PEM. The private halves are not kept.
const P384: [&str; 4] = [
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAES/a39MhgfDgMify5i00haNa0zi1ur+62\n\
     HK0PMGlO7AMUW7vti8/rYbMNxn72Q+0ZO807QctkbeezQu9ksGbaSzMCgEML84Jq\n\
     RTnQJNeWvajqAkqHD8q3/oQcjr7/3YT2",
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEVoo0b+h5EimnrtihbYBM7k1T7gvX60I+\n\
     q5hmbhtY8QDKW5HPQ+NlCOwHcrnVcyEbDsLdotttNGLNZxnjcD78hAJ1MO0Ipg0r\n\
     QY3I6uaJO+kPdiYuBIkzcfCMgtT14tU6",
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEwkiVxAx3IY/FJazUOrI2fNDEmKWjox7E\n\
     +oYzGFxPVsk8zFWyC2zLyc7GtTTEb5XXiC9Z5P96gZvWMhBecNbgtvzeG3BUakH3\n\
     NpD8uS5fh6Cw5H9yDIB3GPmqgj/c9MsQ",
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAElg9FHiTks4/BBBsTarBEOe6z60GCV8u8\n\
     DNPAxXu2asDoZNA8ystjqpBedOGJzbRhcyo2caGtNOMDTt82QuSrAIP21W9yMipM\n\
     r52aa8rK7GWxP58ggb3ly6t/XITwf7mj",
];

/// The same on P-256.
pub(crate) const P256: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEo2FR5+oLGW9DCgbnsMiGfqwnotFX\n\
     T8kjxtZkXEHDq0szWzv3TVR5/LtBrMplUT6YmGMXaMcQqrY06WcWISg4Bw==";

/// One of four P-384 keys as the customer has it, with the last newline.
pub(crate) fn pem(number: usize) -> String {
    block("PUBLIC KEY", P384[number])
}

/// A PEM block.
pub(crate) fn block(label: &str, body: &str) -> String {
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// A kind of resource, as the API names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// In ARNs.
    pub(crate) name: &'static str,
    /// The operation that makes one.
    pub(crate) create: &'static str,
    /// In the names of the other operations.
    noun: &'static str,
    /// The member that shows one.
    pub(crate) member: &'static str,
}

/// Every kind of this build.
pub(crate) const KINDS: [Kind; 5] = [
    Kind {
        name: "stage",
        create: "CreateStage",
        noun: "Stage",
        member: "stage",
    },
    Kind {
        name: "public-key",
        create: "ImportPublicKey",
        noun: "PublicKey",
        member: "publicKey",
    },
    Kind {
        name: "ingest-configuration",
        create: "CreateIngestConfiguration",
        noun: "IngestConfiguration",
        member: "ingestConfiguration",
    },
    Kind {
        name: "encoder-configuration",
        create: "CreateEncoderConfiguration",
        noun: "EncoderConfiguration",
        member: "encoderConfiguration",
    },
    Kind {
        name: "storage-configuration",
        create: "CreateStorageConfiguration",
        noun: "StorageConfiguration",
        member: "storageConfiguration",
    },
];

impl Kind {
    pub(crate) fn get(self) -> String {
        format!("Get{}", self.noun)
    }

    pub(crate) fn list(self) -> String {
        format!("List{}s", self.noun)
    }

    pub(crate) fn delete(self) -> String {
        format!("Delete{}", self.noun)
    }

    /// The member that lists many.
    pub(crate) fn members(self) -> String {
        format!("{}s", self.member)
    }

    /// An ARN of the kind in an account of us-west-2.
    pub(crate) fn arn(self, account: &str, id: &str) -> String {
        format!("arn:aws:ivs:us-west-2:{account}:{}/{id}", self.name)
    }

    /// What the create operation needs. Keys differ by number, of which there are four.
    pub(crate) fn wishes(self, number: usize) -> Value {
        match self.name {
            "public-key" => json!({ "publicKeyMaterial": pem(number) }),
            "ingest-configuration" => json!({ "ingestProtocol": "RTMPS" }),
            "storage-configuration" => json!({ "s3": { "bucketName": "recordings" } }),
            _ => json!({}),
        }
    }
}

impl World {
    /// The ARN of a new resource; its number tells keys apart.
    pub(crate) async fn resource(&self, who: Who, kind: Kind, number: usize) -> String {
        let answer = self.call(who, kind.create, kind.wishes(number)).await;
        assert_eq!(answer.status, 200, "{kind:?}: {answer:?}");
        arn_in(&answer.json()[kind.member])
    }

    /// The ARN of one of four public keys, imported here.
    pub(crate) async fn public_key(&self, who: Who, number: usize) -> String {
        let body = json!({ "publicKeyMaterial": pem(number) });
        let answer = self.call(who, "ImportPublicKey", body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        arn_in(&answer.json()["publicKey"])
    }

    /// A new encoder configuration's ARN.
    pub(crate) async fn encoder_configuration(&self, who: Who) -> String {
        let answer = self
            .call(who, "CreateEncoderConfiguration", json!({}))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        arn_in(&answer.json()["encoderConfiguration"])
    }
}

fn arn_in(resource: &Value) -> String {
    resource["arn"].as_str().unwrap().to_owned()
}
