/** The client library: stages by the API that applications of Amazon IVS Real-Time know, and some things more (docs/client.md). */

export * from './stage/enums';
export { StageConnectionState as ConnectionState } from './stage/enums';
export { Emitter } from './stage/emitter';
export { RealTimeConnectionError, StageError } from './stage/errors';
export type { StageEventMap } from './stage/events';
export { LogLevels, LogLevels as LOG_LEVEL, setLogLevel } from './stage/log';
export { RealTimeConnection, type RealTimeConnectionEventMap } from './stage/real-time-connection';
export { RemoteStageStream, type RemoteStageStreamEventMap } from './stage/remote-stream';
export { SimulcastLayerPresets } from './stage/simulcast';
export { Stage } from './stage/stage';
export type { LocalAudioStats, LocalVideoStats, RemoteAudioStats, RemoteVideoStats } from './stage/stats';
export { LocalStageStream, StageStream } from './stage/streams';
export type * from './stage/types';
export { VERSION as __version } from './stage/version';
