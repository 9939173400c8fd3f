/** The enumerations of the stage API, with the values that the public reference shows. */

export enum StageConnectionState {
  DISCONNECTED = 'disconnected',
  CONNECTING = 'connecting',
  CONNECTED = 'connected',
  ERRORED = 'errored',
}

export enum StageParticipantPublishState {
  NOT_PUBLISHED = 'not_published',
  ATTEMPTING_PUBLISH = 'attempting_publish',
  PUBLISHED = 'published',
  ERRORED = 'errored',
}

export enum StageParticipantSubscribeState {
  NOT_SUBSCRIBED = 'not_subscribed',
  ATTEMPTING_SUBSCRIBE = 'attempting_subscribe',
  SUBSCRIBED = 'subscribed',
  ERRORED = 'errored',
}

export enum SubscribeType {
  NONE = 'none',
  AUDIO_ONLY = 'audio_only',
  AUDIO_VIDEO = 'audio_video',
}

export enum StreamType {
  AUDIO = 'audio',
  VIDEO = 'video',
}

export enum StageLeftReason {
  USER_INITIATED = 'user-initiated',
  PARTICIPANT_DISCONNECTED = 'participant-disconnected',
  STAGE_DELETED = 'stage-deleted',
  TOKEN_REUSED = 'token-reused',
  FAILED_EXCHANGE = 'failed-exchange',
  REAL_TIME_CONNECTION_FORCED_LEAVE = 'real-time-connection-forced-leave',
  REAL_TIME_CONNECTION_TOKEN_REVOCATION = 'real-time-connection-token-revocation',
  UNKNOWN = 'unknown',
}

export enum StageStreamLayerSelectedReason {
  SELECTED = 'selected',
  /** The layer that was asked for is not there or does not fit; this is the next best. */
  UNAVAILABLE = 'unavailable',
}

export enum StageErrorCategory {
  JOIN_ERROR = 'JOIN_ERROR',
  PUBLISH_ERROR = 'PUBLISH_ERROR',
  SUBSCRIBE_ERROR = 'SUBSCRIBE_ERROR',
}

export enum StageErrorCode {
  TOKEN_MALFORMED = 1,
  TOKEN_EXPIRED = 2,
  TIMEOUT = 3,
  FAILED = 4,
  CANCELED = 5,
  STAGE_AT_CAPACITY = 6,
  CODEC_MISMATCH = 7,
  TOKEN_NOT_ALLOWED = 8,
  STAGE_DELETED = 9,
  PARTICIPANT_DISCONNECTED = 10,
  TOKEN_EXCHANGE_REQUEST_INVALID = 11,
  TOKEN_EXCHANGE_FAILED = 12,
}

export enum RealTimeConnectionErrorCode {
  TOKEN_MALFORMED = 1053,
  TOKEN_EXPIRED = 1054,
  /** Not to be had, or lost for good. */
  CONNECTION_FAILED = 1306,
  /** What a stage was given is no connection of this library. */
  CONNECTION_FOREIGN = 1312,
}

export enum RealTimeConnectionState {
  DISCONNECTED = 'disconnected',
  CONNECTING = 'connecting',
  CONNECTED = 'connected',
}

/** By the share of lost packets. */
export enum NetworkQuality {
  DOWN = 0,
  POOR = 1,
  NORMAL = 2,
  GOOD = 3,
  EXCELLENT = 4,
}

export enum JitterBufferMinDelay {
  DEFAULT = 'default',
  LOW = 'low',
  MEDIUM = 'medium',
  HIGH = 'high',
}

export enum InitialLayerPreference {
  LOWEST_QUALITY = 'lowest_quality',
  HIGHEST_QUALITY = 'highest_quality',
}

export enum StageEvents {
  ERROR = 'error',
  STAGE_CONNECTION_STATE_CHANGED = 'stageConnectionStateChanged',
  STAGE_LEFT = 'stageLeft',
  STAGE_PARTICIPANT_JOINED = 'stageParticipantJoined',
  STAGE_PARTICIPANT_LEFT = 'stageParticipantLeft',
  STAGE_PARTICIPANT_METADATA_CHANGED = 'stageParticipantMetadataChanged',
  STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED = 'stageParticipantPublishStateChanged',
  STAGE_PARTICIPANT_SUBSCRIBE_STATE_CHANGED = 'stageParticipantSubscribeStateChanged',
  STAGE_PARTICIPANT_STREAMS_ADDED = 'stageParticipantStreamsAdded',
  STAGE_PARTICIPANT_STREAMS_REMOVED = 'stageParticipantStreamsRemoved',
  STAGE_STREAM_MUTE_CHANGED = 'stageStreamMuteChanged',
  STAGE_STREAM_ADAPTION_CHANGED = 'stageStreamAdaptionChanged',
  STAGE_STREAM_LAYERS_CHANGED = 'stageStreamLayersChanged',
  STAGE_STREAM_LAYER_SELECTED = 'stageStreamLayerSelected',
  STAGE_STREAM_SEI_MESSAGE_RECEIVED = 'stageStreamSeiMessageReceived',
  /** Beyond the API of IVS, as are the next ones. */
  STAGE_ACTIVE_SPEAKERS_CHANGED = 'stageActiveSpeakersChanged',
  STAGE_CONNECTION_QUALITY_CHANGED = 'stageConnectionQualityChanged',
  STAGE_AUDIO_PLAYBACK_CHANGED = 'stageAudioPlaybackChanged',
}

export enum RemoteStageStreamEvents {
  ADAPTION_CHANGED = 'ADAPTION_CHANGED',
  LAYERS_CHANGED = 'LAYERS_CHANGED',
  LAYER_SELECTED = 'LAYER_SELECTED',
  /** Beyond the API of IVS: nothing is sent for want of bandwidth, or it is again. */
  PAUSED_CHANGED = 'PAUSED_CHANGED',
}

/** Beyond the API of IVS, of which no members are public. */
export enum LocalStageStreamEvents {
  MUTE_CHANGED = 'MUTE_CHANGED',
}
