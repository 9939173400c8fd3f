/** Hooks for React. The library itself is imported as its users do, so that it is there once. */

import { type RefCallback, useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';

import {
  type ActiveSpeaker,
  type ConnectionQuality,
  Emitter,
  LocalStageStream,
  RemoteStageStream,
  Stage,
  type StageConfiguration,
  StageConnectionState,
  StageError,
  StageEvents,
  type StageParticipantInfo,
  type StageStrategy,
  type StageView,
  type StreamType,
  viewOf,
} from '../index';

type Stream = LocalStageStream | RemoteStageStream;

const {
  STAGE_CONNECTION_STATE_CHANGED: STATE,
  STAGE_PARTICIPANT_JOINED: JOINED,
  STAGE_PARTICIPANT_LEFT: LEFT,
  STAGE_PARTICIPANT_METADATA_CHANGED: RENAMED,
  STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED: PUBLISH,
  STAGE_PARTICIPANT_SUBSCRIBE_STATE_CHANGED: SUBSCRIBE,
  STAGE_PARTICIPANT_STREAMS_ADDED: ADDED,
  STAGE_PARTICIPANT_STREAMS_REMOVED: REMOVED,
  STAGE_STREAM_MUTE_CHANGED: MUTED,
  STAGE_ACTIVE_SPEAKERS_CHANGED: SPEAKERS,
  STAGE_CONNECTION_QUALITY_CHANGED: QUALITY,
} = StageEvents;

const ROSTER = [STATE, JOINED, LEFT, RENAMED, PUBLISH, SUBSCRIBE, ADDED, REMOVED, MUTED] as const;
const STREAMS = [STATE, ADDED, REMOVED] as const;

/**
 * A stage that is joined while the component is there, and is another one for another token. Without a token there is none.
 * The strategy may be another object each time; give the same one where nothing has changed.
 */
export function useStage(token: string | undefined, strategy: StageStrategy, configuration?: StageConfiguration): { stage: Stage | undefined; error: StageError | undefined } {
  const [stage, setStage] = useState<Stage>();
  const [error, setError] = useState<StageError>();
  const newest = useRef({ strategy, configuration });
  newest.current = { strategy, configuration };
  useEffect(() => {
    setError(undefined);
    if (token === undefined) return undefined;
    let made: Stage;
    try {
      made = new Stage(token, newest.current.strategy, newest.current.configuration);
    } catch (malformed) {
      setError(malformed as StageError);
      return undefined;
    }
    made.on(StageEvents.ERROR, setError);
    made.join().catch(() => undefined);
    setStage(made);
    return () => {
      made.off(StageEvents.ERROR, setError);
      made.leave();
      setStage(undefined);
    };
  }, [token]);
  useEffect(() => stage?.replaceStrategy(strategy), [stage, strategy]);
  return { stage, error };
}

export function useConnectionState(stage: Stage | undefined): StageConnectionState {
  return useView(stage, [STATE], (view) => view.state) ?? StageConnectionState.DISCONNECTED;
}

/** All of the stage, the local one first. The objects are copies: they are others when something has changed. */
export function useParticipants(stage: Stage | undefined): StageParticipantInfo[] {
  return useView(stage, ROSTER, (view) => view.participants.map((each) => ({ ...each }))) ?? [];
}

/** A stream of a participant's; there is another one after each interruption. */
export function useStream(stage: Stage | undefined, participantId: string, type: StreamType): Stream | undefined {
  return useView(stage, STREAMS, (view) => view.streams(participantId) as unknown as Stream[])?.find(({ streamType }) => streamType === type);
}

/** For `ref` of a `<video>` or `<audio>`: plays the stream in it. */
export function useAttach(stream: Stream | undefined): RefCallback<HTMLMediaElement> {
  const [element, setElement] = useState<HTMLMediaElement | null>(null);
  useEffect(() => {
    if (!stream || !element) return undefined;
    stream.attach(element);
    return () => void stream.detach(element);
  }, [stream, element]);
  return setElement;
}

/** Whether a stream is muted, and what changes that. */
export function useMute(stage: Stage | undefined, stream: Stream | undefined): [isMuted: boolean, setMuted: (isMuted: boolean) => void] {
  useVersion(stage, [MUTED]);
  // One that is not published is told of by itself alone.
  useVersion(stream instanceof LocalStageStream ? stream : undefined, ['MUTE_CHANGED']);
  const setMuted = useCallback((isMuted: boolean) => stream?.setMuted(isMuted), [stream]);
  return [stream?.isMuted ?? false, setMuted];
}

/** Loudest first. */
export function useActiveSpeakers(stage: Stage | undefined): ActiveSpeaker[] {
  return useView(stage, [SPEAKERS, STATE], (view) => view.speakers) ?? [];
}

export function useConnectionQuality(stage: Stage | undefined): ConnectionQuality | undefined {
  return useView(stage, [QUALITY, STATE], (view) => view.quality);
}

function useView<T>(stage: Stage | undefined, events: readonly string[], read: (view: StageView) => T): T | undefined {
  const version = useVersion(stage, events);
  // What is read is the same until something has changed.
  return useMemo(() => (stage ? read(viewOf(stage)) : undefined), [stage, version]);
}

/** A number that is another one after each of the events. */
function useVersion(emitter: Emitter<never> | undefined, events: readonly string[]): number {
  const version = useRef(0);
  const subscribe = useCallback(
    (changed: () => void) => {
      const heard = () => {
        version.current += 1;
        changed();
      };
      // Something may have happened before anybody listened.
      version.current += 1;
      for (const event of events) emitter?.on(event, heard);
      return () => {
        for (const event of events) emitter?.off(event, heard);
      };
    },
    [emitter],
  );
  return useSyncExternalStore(subscribe, () => version.current, () => 0);
}
