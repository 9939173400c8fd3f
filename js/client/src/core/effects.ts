/** What the state machine of a session takes and gives. Its owner does the effects, in order. */

import type { Failure, LeftReason, Self, SessionListener, Want } from './contract';
import type { BoundSlot, Mute } from './messages';

export type TimerName =
  /** An attempt to join has taken too long. */
  | 'answer'
  /** No attempt has worked for too long. */
  | 'give-up'
  /** The next attempt. */
  | 'retry'
  /** Something is to be said, or the socket is lost. */
  | 'ping'
  | 'silence'
  /** There may be messages again. */
  | 'pace'
  | 'exchange'
  /** What was bound before a snapshot has not been bound again. */
  | 'void'
  /** The feed's connection has not mended. */
  | 'mend'
  /** The next feed. */
  | 'renew';

export type FeedInput =
  /** The offer that was asked for is made. */
  | { is: 'offered'; sdp: string }
  | { is: 'feed'; state: 'connected' | 'disconnected' | 'failed' }
  /** The offer could not be made, or the answer not be taken. */
  | { is: 'broken'; message: string };

export type Input =
  | { is: 'open' }
  | { is: 'opened' }
  | { is: 'closed' }
  /** A socket of this address and token cannot be made. */
  | { is: 'unusable'; message: string }
  | { is: 'message'; data: unknown }
  | { is: 'timer'; name: TimerName }
  | { is: 'want'; wants: readonly Want[] }
  | { is: 'mute'; mute: Mute }
  | { is: 'exchange'; token: string; receives: boolean }
  | { is: 'leave' }
  /** The shared connection ends all its sessions. */
  | { is: 'put-out'; reason: LeftReason }
  | FeedInput;

/** A call of the listener. */
export type Tell = {
  [Name in 'state' | 'people' | 'layers' | 'speakers' | 'quality' | 'failure' | 'left']: {
    do: 'tell';
    of: Name;
    value: Parameters<SessionListener[Name]>[0];
  };
}['state' | 'people' | 'layers' | 'speakers' | 'quality' | 'failure' | 'left'];

export type FeedEffect =
  /** A new peer connection in place of the one that is there, and its first offer. */
  | { do: 'feed'; audio: number; video: number }
  /** Another offer of it, with so many sections in all. */
  | { do: 'offer'; audio: number; video: number; restart: boolean }
  | { do: 'answer'; sdp: string }
  /** The last offer was not taken. */
  | { do: 'rollback' }
  | { do: 'drop' };

export type TimerEffect = { do: 'timer'; name: TimerName; ms: number } | { do: 'cancel'; name: TimerName };

export type Effect =
  | Tell
  | FeedEffect
  | TimerEffect
  | { do: 'connect'; token: string }
  | { do: 'send'; text: string }
  /** Hears no more of the socket, but leaves it open: closing it would be a leave, which may arrive late. */
  | { do: 'abandon' }
  /** Closes what was abandoned: the session is on another socket. */
  | { do: 'tidy' }
  /** Closes all sockets. */
  | { do: 'close' }
  | { do: 'ice'; servers: RTCIceServer[] }
  | { do: 'bind'; slots: BoundSlot[] }
  | { do: 'unbind'; pids: string[] }
  /** What `open` and `exchange` have promised. */
  | { do: 'joined'; self: Self }
  | { do: 'refused'; failure: Failure }
  | { do: 'exchanged'; self: Self }
  | { do: 'exchange-refused'; failure: Failure }
  /** All timers. */
  | { do: 'rest' };
