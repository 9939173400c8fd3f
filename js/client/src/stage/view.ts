/** What the extras see of a stage. Its class has no more members than the API, since applications add their own to it. */

import type { StageConnectionState, StageParticipantPublishState } from './enums';
import type { Size } from './simulcast';
import type { Stage } from './stage';
import type { StageStream } from './streams';
import type { Token } from './token';
import type { ActiveSpeaker, ConnectionQuality, StageParticipantInfo } from './types';

export interface StageView {
  readonly state: StageConnectionState;
  readonly publishState: StageParticipantPublishState;
  readonly token: Token;
  /** The local one first, while it is there. */
  readonly participants: StageParticipantInfo[];
  readonly speakers: ActiveSpeaker[];
  readonly quality: ConnectionQuality | undefined;
  streams(participantId: string): StageStream<never>[];
  /** No picture of this participant needs to be larger. */
  limit(participantId: string, size: Size | undefined): void;
}

const views = new WeakMap<Stage, StageView>();

export function show(stage: Stage, view: StageView): void {
  views.set(stage, view);
}

export function viewOf(stage: Stage): StageView {
  const view = views.get(stage);
  if (!view) throw new TypeError('this is no stage of this library');
  return view;
}
