/** What a stage tells, by event. */

import type {
  StageConnectionState,
  StageEvents,
  StageLeftReason,
  StageParticipantPublishState,
  StageParticipantSubscribeState,
} from './enums';
import type { StageError } from './errors';
import type { RemoteStageStream } from './remote-stream';
import type { LocalStageStream } from './streams';
import type { ActiveSpeaker, ConnectionQuality, LayerSelected, SeiMessage, StageParticipantInfo, StageStreamLayer } from './types';

type Participant = StageParticipantInfo;
/** Of the local participant or of another one. */
type Stream = LocalStageStream | RemoteStageStream;

export interface StageEventMap {
  [StageEvents.ERROR]: (error: StageError) => void;
  [StageEvents.STAGE_CONNECTION_STATE_CHANGED]: (state: StageConnectionState) => void;
  [StageEvents.STAGE_LEFT]: (reason: StageLeftReason) => void;
  [StageEvents.STAGE_PARTICIPANT_JOINED]: (participant: Participant) => void;
  [StageEvents.STAGE_PARTICIPANT_LEFT]: (participant: Participant) => void;
  [StageEvents.STAGE_PARTICIPANT_METADATA_CHANGED]: (participant: Participant) => void;
  [StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED]: (participant: Participant, state: StageParticipantPublishState) => void;
  [StageEvents.STAGE_PARTICIPANT_SUBSCRIBE_STATE_CHANGED]: (participant: Participant, state: StageParticipantSubscribeState) => void;
  [StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED]: (participant: Participant, streams: Stream[]) => void;
  [StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED]: (participant: Participant, streams: Stream[]) => void;
  [StageEvents.STAGE_STREAM_MUTE_CHANGED]: (participant: Participant, stream: Stream) => void;
  [StageEvents.STAGE_STREAM_ADAPTION_CHANGED]: (participant: Participant, stream: RemoteStageStream, isAdapting: boolean) => void;
  [StageEvents.STAGE_STREAM_LAYERS_CHANGED]: (participant: Participant, stream: RemoteStageStream, layers: StageStreamLayer[]) => void;
  [StageEvents.STAGE_STREAM_LAYER_SELECTED]: (participant: Participant, stream: RemoteStageStream, ...selected: LayerSelected) => void;
  [StageEvents.STAGE_STREAM_SEI_MESSAGE_RECEIVED]: (participant: Participant, message: SeiMessage, stream: RemoteStageStream) => void;
  [StageEvents.STAGE_ACTIVE_SPEAKERS_CHANGED]: (speakers: ActiveSpeaker[]) => void;
  [StageEvents.STAGE_CONNECTION_QUALITY_CHANGED]: (quality: ConnectionQuality) => void;
  [StageEvents.STAGE_AUDIO_PLAYBACK_CHANGED]: (canPlay: boolean) => void;
}
