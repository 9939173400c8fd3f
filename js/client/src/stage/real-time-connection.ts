/** One transport for several stages. Each still needs a participant token. */

import type { ConnectionState, SharedConnection } from '../core/contract';
import { Emitter } from './emitter';
import { RealTimeConnectionErrorCode as Code, RealTimeConnectionState as State } from './enums';
import { RealTimeConnectionError } from './errors';
import { parseConnectionToken } from './token';
import { transport } from './transport';

export interface RealTimeConnectionEventMap {
  stateChanged: (state: State) => void;
  error: (error: RealTimeConnectionError) => void;
}

const STATES: Record<ConnectionState, State> = {
  disconnected: State.DISCONNECTED,
  connecting: State.CONNECTING,
  connected: State.CONNECTED,
};

export class RealTimeConnection extends Emitter<RealTimeConnectionEventMap> {
  #shared: SharedConnection;

  /** Throws for a token that is malformed or has ended. */
  constructor(connectionToken: string) {
    super();
    const { eventsUrl } = parseConnectionToken(connectionToken, Date.now());
    const fail = (message: string) => this.emit('error', new RealTimeConnectionError(Code.CONNECTION_FAILED, message));
    this.#shared = transport.openConnection(
      { url: `${eventsUrl}/_connection`, token: connectionToken, platform: transport.browser() },
      {
        state: (state) => queueMicrotask(() => this.emit('stateChanged', STATES[state])),
        failure: ({ message }) => queueMicrotask(() => fail(message)),
      },
    );
  }

  get state(): State {
    return STATES[this.#shared.state];
  }

  /** Ahead of the first stage, which would do it too. Failures come as `error`, and reject for who waits. */
  connect(): Promise<void> {
    const connected = this.#shared.connect().catch(({ message }: { message?: string }) => {
      throw new RealTimeConnectionError(Code.CONNECTION_FAILED, message ?? 'the connection cannot be had');
    });
    connected.catch(() => undefined);
    return connected;
  }

  /** Leaves all its stages. It can connect again. */
  disconnect(): void {
    this.#shared.disconnect();
  }

  override get [Symbol.toStringTag](): string {
    return 'RealTimeConnection';
  }

  /** @internal */
  get shared(): SharedConnection {
    return this.#shared;
  }
}

/** What a stage was given as its connection. */
export function sharedOf(connection: unknown): SharedConnection {
  if (connection instanceof RealTimeConnection) return connection.shared;
  throw new RealTimeConnectionError(Code.CONNECTION_FOREIGN, 'realTimeConnection is no connection of this library');
}
