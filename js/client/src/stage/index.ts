/** The API that applications of Amazon IVS Real-Time know (docs/client.md). */

export * from './enums';
export { StageConnectionState as ConnectionState } from './enums';
export { Emitter } from './emitter';
export { RealTimeConnectionError, StageError } from './errors';
export type { StageEventMap } from './events';
export { LogLevels, LogLevels as LOG_LEVEL, setLogLevel } from './log';
export { RealTimeConnection, type RealTimeConnectionEventMap } from './real-time-connection';
export { RemoteStageStream, type RemoteStageStreamEventMap } from './remote-stream';
export { SimulcastLayerPresets } from './simulcast';
export { Stage } from './stage';
export type { LocalAudioStats, LocalVideoStats, RemoteAudioStats, RemoteVideoStats } from './stats';
export { LocalStageStream, StageStream } from './streams';
export type * from './types';
export { VERSION as __version } from './version';
