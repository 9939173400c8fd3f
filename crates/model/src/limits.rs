//! Limits of the service, each with its documented value.
//!
//! Sources: the Real-Time service quotas page of the AWS user guide and the API model (`ivs-realtime` 2020-07-14).

use std::time::Duration;

/// Stages per account and region ("Stages", adjustable).
pub const STAGES_MAX: u32 = 1_000;
/// Ingest configurations per account and region ("Ingest configurations", adjustable).
pub const INGEST_CONFIGURATIONS_MAX: u32 = 100;
/// Encoder configurations per account and region ("Encoder configurations", adjustable).
pub const ENCODER_CONFIGURATIONS_MAX: u32 = 20;
/// Storage configurations per account and region ("Storage configurations", adjustable).
pub const STORAGE_CONFIGURATIONS_MAX: u32 = 5;
/// Public keys per account and region ("Public keys", not adjustable).
pub const PUBLIC_KEYS_MAX: u32 = 3;
/// Publishers of an account in a region at once ("Concurrent publishers", adjustable).
pub const PUBLISHERS_PER_REGION_MAX: u32 = 1_000;
/// Subscriptions of an account in a region at once ("Concurrent subscriptions", adjustable). Who receives three publishers
/// has three.
pub const SUBSCRIPTIONS_PER_REGION_MAX: u32 = 20_000;
/// Replications of a participant at once ("Concurrent replications per participant", not adjustable).
pub const REPLICAS_PER_PARTICIPANT_MAX: u32 = 5;
/// How long a replication outlives the end of its participant's publish: most (API model: `reconnectWindowSeconds`).
pub const RECONNECT_WINDOW_MAX: Duration = Duration::from_mins(5);
/// Pixels of an encoder configuration's picture (`Video` in the API model).
pub const ENCODER_PIXELS_MAX: u32 = 2_073_600;
/// Life of a connection token: most (user guide: four weeks).
pub const CONNECTION_TOKEN_LIFE_MAX: Duration = Duration::from_hours(28 * 24);
/// Publishers on a stage at once ("Publishers per stage", not adjustable).
pub const PUBLISHERS_PER_STAGE_MAX: u32 = 12;
/// Subscribers on a stage at once ("Subscribers per stage", adjustable).
pub const SUBSCRIBERS_PER_STAGE_MAX: u32 = 10_000;
/// Total bitrate of one publisher ("Participant publish bitrate"), in bits per second.
pub const PUBLISH_BITRATE_BPS_MAX: u64 = 8_500_000;
/// Size of a published picture ("720p", judged by area), in pixels.
pub const PUBLISH_PIXELS_MAX: u32 = 921_600;
/// Length of one publish or one subscription.
pub const STREAM_DURATION_MAX: Duration = Duration::from_hours(24);
/// Tags on one resource.
pub const TAGS_MAX: usize = 50;
/// All attribute keys and values of a participant together, in UTF-8 bytes.
pub const ATTRIBUTES_BYTES_MAX: usize = 1_024;
/// A user id, in characters.
pub const USER_ID_CHARS_MAX: usize = 128;
/// Life of a participant token: default, in minutes.
pub const TOKEN_MINUTES_DEFAULT: u32 = 720;
/// Life of a participant token: most, in minutes (14 days).
pub const TOKEN_MINUTES_MAX: u32 = 20_160;
/// How long the service takes to notice that a silent client is gone (user guide, web SDK: "up to about 10 s").
pub const LIVENESS_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a session outlives its last connected participant ("a few minutes").
pub const SESSION_GRACE: Duration = Duration::from_mins(3);
/// Participants that have left a session of which the process still knows. No limit of the service: as many as a stage has
/// subscribers, so that a full audience can leave and come back, at some 2 KB each with the longest attributes.
pub const DISCONNECTED_REMEMBERED_MAX: u32 = 10_000;

/// Requests per second for each operation ("API request rates"): participant tokens.
pub const RATE_PARTICIPANT_TOKEN: u32 = 50;
/// Requests per second: each tag operation.
pub const RATE_TAGS: u32 = 10;
/// Requests per second: each public key operation.
pub const RATE_PUBLIC_KEYS: u32 = 3;
/// Requests per second: every other operation.
pub const RATE_OTHER: u32 = 5;
