// One stay on a stage: the events socket, our publish, and one subscription for each other publisher.

import { EventsSocket, type Publisher } from './events';
import { Keeper, type Upkeep } from './keep';
import { subscribe } from './whep';
import { publish } from './whip';
import type { Token } from './token';

export interface SessionListener {
  /** The connection to the stage changed; `over` ends the session. */
  state(words: string, tone: 'busy' | 'live' | 'over'): void;
  /** Our own publish changed. */
  publishing(upkeep: Upkeep): void;
  /** Somebody publishes. */
  appeared(publisher: Publisher): void;
  /** Our reception of a publisher changed. */
  receiving(id: string, upkeep: Upkeep): void;
  /** Their media, anew after each reconnection. */
  media(id: string, media: MediaStream): void;
  /** Somebody publishes no more. */
  vanished(id: string): void;
}

/** How often a lost socket is opened again, and how long after each loss. */
const REJOINS_MAX = 6;
const REJOIN_PAUSE_MS = 1000;

export class Session {
  readonly #subscriptions = new Map<string, Keeper>();
  #socket: EventsSocket | undefined;
  #publish: Keeper | undefined;
  #rejoin: ReturnType<typeof setTimeout> | undefined;
  #losses = 0;
  #hasJoined = false;
  #over = false;

  constructor(
    private readonly token: Token,
    private readonly media: MediaStream | undefined,
    private readonly listener: SessionListener,
  ) {
    this.#join();
  }

  /** Leaves, and tells the server. Works while the page is being closed. */
  leave(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#rejoin);
    this.#publish?.stop();
    for (const [id, subscription] of this.#subscriptions) {
      subscription.stop();
      this.listener.vanished(id);
    }
    this.#subscriptions.clear();
    this.#socket?.close();
  }

  #join(): void {
    this.listener.state('Joining…', 'busy');
    this.#socket = new EventsSocket(this.token, {
      joined: () => {
        this.#losses = 0;
        this.#hasJoined = true;
        this.listener.state('On stage', 'live');
        this.#startPublishing();
      },
      publishers: (publishers) => this.#follow(publishers),
      ended: ({ words, final }) => {
        if (this.#over) return;
        this.#losses += 1;
        if (final || !this.#hasJoined || this.#losses > REJOINS_MAX) {
          this.leave();
          this.listener.state(words, 'over');
          return;
        }
        this.listener.state('The connection to the server is lost. Trying again…', 'busy');
        this.#rejoin = setTimeout(() => this.#join(), REJOIN_PAUSE_MS * this.#losses);
      },
    });
  }

  #startPublishing(): void {
    const { media } = this;
    if (!media || this.#publish) return;
    this.#publish = new Keeper(
      () => publish(this.token, media),
      (upkeep) => this.listener.publishing(upkeep),
    );
  }

  #follow(publishers: readonly Publisher[]): void {
    if (this.#over || !this.token.maySubscribe) return;
    const others = publishers.filter(({ id }) => id !== this.token.participantId);
    const ids = new Set(others.map(({ id }) => id));
    for (const [id, subscription] of [...this.#subscriptions]) {
      if (ids.has(id)) continue;
      // The server ends what is received of a publisher with the publish.
      subscription.forget();
      this.#subscriptions.delete(id);
      this.listener.vanished(id);
    }
    for (const publisher of others) if (!this.#subscriptions.has(publisher.id)) this.#receive(publisher);
  }

  #receive(publisher: Publisher): void {
    const { id } = publisher;
    this.listener.appeared(publisher);
    const open = async () => {
      const { peer, media } = await subscribe(this.token, id);
      this.listener.media(id, media);
      return peer;
    };
    this.#subscriptions.set(id, new Keeper(open, (upkeep) => this.listener.receiving(id, upkeep)));
  }
}
