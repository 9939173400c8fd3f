/** The state machine of a session: inputs give effects, and nothing else happens. */

import type { Failure, LeftReason, SessionListener } from './contract';
import type { Effect, Input, Tell, TimerName } from './effects';
import { FeedPlan } from './feed-plan';
import { ANSWER_MS, Line } from './line';
import { type ClientMessage, type Joined, type Mute, readFrame, type ServerFrame } from './messages';
import { type PeopleChange, Roster } from './roster';
import { Wants } from './wants';

export interface MachineOptions {
  token: string;
  receives: boolean;
  sdkVersion?: string;
  /** Whether the socket is watched for silence here; a shared one is watched by its owner. */
  watches: boolean;
  random(): number;
}

type Frame<Type extends ServerFrame['type']> = Extract<ServerFrame, { type: Type }>;

/** After a snapshot the bindings come again at once, if there are any. */
const VOID_MS = 1000;
/** Feeds in a row that have not lasted, until the owner is told. */
const FEEDS_TRIED = 3;

const CANCELED: Failure = { code: 'CANCELED', category: 'JOIN_ERROR', message: 'the stage was left' };

const ENDINGS: Readonly<Record<string, LeftReason>> = {
  STAGE_DELETED: 'stage-deleted',
  PARTICIPANT_DISCONNECTED: 'participant-disconnected',
};

const CATEGORIES: readonly string[] = ['JOIN_ERROR', 'PUBLISH_ERROR', 'SUBSCRIBE_ERROR'] satisfies Failure['category'][];

export class Machine {
  /** Frames that were none. */
  garbage = 0;
  #out: Effect[] = [];
  #now = 0;
  #line: Line;
  #plan: FeedPlan;
  #roster = new Roster();
  #wants = new Wants();
  #session = '';
  #seq = 0;
  #receives: boolean;
  #mute: Mute = { audio: false, video: false };
  #hasMuted = false;
  #isMuteTold = true;
  #exchange: { token: string; receives: boolean; isSent: boolean } | undefined;
  /** The server may still have a feed that this side has given up. */
  #hasOldFeed = false;

  constructor(private readonly options: MachineOptions) {
    this.#receives = options.receives;
    this.#plan = new FeedPlan((effect) => this.#do(effect), options.random);
    const owner = {
      do: (effect: Effect) => this.#do(effect),
      connecting: () => this.#connecting(),
      lost: () => this.#lost(),
      refused: (failure: Failure) => this.#refuse(failure),
    };
    this.#line = new Line(owner, options.watches, options.random);
    this.#line.token(options.token);
  }

  handle(input: Input, now: number): Effect[] {
    this.#now = now;
    this.#line.at(now);
    if (this.#line.phase !== 'ended') this.#take(input);
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #take(input: Input): void {
    switch (input.is) {
      case 'open':
        return this.#line.open();
      case 'opened':
        this.#line.opened();
        return this.#join();
      case 'closed':
        return this.#line.lose();
      case 'unusable':
        return this.#notLetIn({ code: 'TOKEN_MALFORMED', category: 'JOIN_ERROR', message: input.message });
      case 'message':
        return this.#heard(readFrame(input.data));
      case 'timer':
        return this.#due(input.name);
      case 'want':
        this.#wants.desire(input.wants);
        return this.#flush();
      case 'mute':
        return this.#setMute(input.mute);
      case 'exchange':
        this.#exchange = { token: input.token, receives: input.receives, isSent: false };
        return this.#flush();
      case 'leave':
        this.#sayLeave();
        return this.#end('user-initiated', CANCELED);
      case 'put-out':
        // The close of a shared connection alone is a loss, after which a server waits. Of a revocation it knows.
        if (input.reason === 'real-time-connection-forced-leave') this.#sayLeave();
        return this.#end(input.reason, CANCELED);
      case 'offered':
        this.#plan.made(input.sdp);
        return this.#progress();
      case 'feed':
        return this.#plan.health(input.state, this.#now);
      case 'broken':
        this.#renewFeed();
        return this.#progress();
    }
  }

  #due(name: TimerName): void {
    switch (name) {
      case 'pace':
        return this.#flush();
      case 'exchange': {
        const message = 'the server does not answer';
        return this.#refuseExchange({ code: 'TIMEOUT', category: 'JOIN_ERROR', message });
      }
      case 'void':
        return this.#do({ do: 'bind', slots: [] });
      case 'mend':
        if (!this.#plan.overdue()) this.#renewFeed();
        return;
      case 'renew':
        return this.#plan.open();
      default:
        return this.#line.due(name);
    }
  }

  /** Who begins anew offers media in the first message; who has come back too late does. */
  #connecting(): void {
    if (this.#line.isTooLate) this.#session = '';
    if (this.#session === '' && this.#receives && !this.#plan.isBeginning && !this.#plan.hasFirstOffer) this.#plan.open();
  }

  /** Says the first message, as soon as there are a socket and an offer. */
  #join(): void {
    if (this.#line.socket !== 'open') return;
    const resumes = this.#session !== '';
    if (!resumes && this.#plan.isBeginning) return;
    const { sdkVersion } = this.options;
    const offer = this.#plan.hasFirstOffer ? this.#plan.take() : undefined;
    this.#line.socket = 'joining';
    this.#line.say({
      type: 'join',
      ...(offer !== undefined && { offer }),
      ...(resumes ? { resume: { session: this.#session, seq: this.#seq } } : { want: { default: 'none' } }),
      ...(sdkVersion !== undefined && { sdkVersion }),
    });
  }

  #heard(frame: ServerFrame | undefined): void {
    if (!frame) {
      this.garbage += 1;
      return;
    }
    const { socket } = this.#line;
    if (socket !== 'joining' && socket !== 'joined') return;
    this.#line.heard();
    const isNew = frame.type === 'joined' && frame.resumed === 'no';
    // What was counted before is known already.
    if (frame.seq > 0 && frame.seq <= this.#seq && !isNew) return;
    if (frame.seq > 0) this.#seq = frame.seq;
    this.#act(frame);
  }

  #act(frame: ServerFrame): void {
    switch (frame.type) {
      case 'joined':
        return this.#joined(frame);
      case 'delta':
        return this.#people(this.#roster.change(frame.leave, frame.join, frame.update));
      case 'bind':
        this.#cancel('void');
        return this.#do({ do: 'bind', slots: frame.slots });
      case 'need':
        return this.#plan.need(frame);
      case 'answer':
        return this.#plan.answer(frame.sdp);
      case 'layers': {
        const { pid, list, selected, reason } = frame;
        return this.#tell('layers', { pid, list, selected, reason });
      }
      case 'speakers':
        return this.#tell('speakers', frame.list);
      case 'quality': {
        const { estimateBps, sentBps, loss, roundTripMs } = frame;
        return this.#tell('quality', { estimateBps, sentBps, loss, roundTripMs });
      }
      case 'error':
        return this.#failed(frame);
      case 'exchanged':
        return this.#exchanged(frame);
      case 'left':
        return this.#left(frame);
      case 'revoked':
      case 'pong':
      case 'other':
        return;
    }
  }

  #joined(frame: Joined): void {
    const isFirst = this.#line.phase === 'connecting';
    const isNew = frame.resumed === 'no';
    this.#session = frame.session;
    this.#roster.self = frame.self.id;
    if (isNew) {
      this.#wants.forget();
      this.#hasOldFeed = false;
    } else if (this.#line.isDoubtful) this.#wants.doubt();
    this.#isMuteTold = !this.#hasMuted;
    if (frame.ice.length > 0) this.#do({ do: 'ice', servers: frame.ice });
    this.#line.joined();
    if (isFirst) this.#do({ do: 'joined', self: frame.self });
    if (frame.answer !== undefined) {
      this.#hasOldFeed = false;
      this.#plan.answer(frame.answer);
    } else if (isNew && this.#plan.isAgreed) this.#plan.open();
    else this.#plan.resumed();
    if (frame.people) this.#people(this.#roster.snapshot(frame.people));
    if (frame.resumed === 'snapshot') this.#do({ do: 'timer', name: 'void', ms: VOID_MS });
    this.#flush();
  }

  #people(change: PeopleChange): void {
    const { left, joined, updated } = change;
    if (left.length > 0) this.#do({ do: 'unbind', pids: left });
    if (left.length + joined.length + updated.length > 0) this.#tell('people', change);
  }

  #failed({ seq, code, category, message, pid }: Frame<'error'>): void {
    const known = (CATEGORIES.includes(category) ? category : 'PROTOCOL_ERROR') as Failure['category'];
    const failure: Failure = { code, category: known, message, ...(pid !== undefined && { pid }) };
    // A refusal to join has no place in a session.
    if (seq === 0 && this.#line.socket === 'joining') return this.#notLetIn(failure);
    if (code === 'FEED_ENDED') {
      this.#hasOldFeed = false;
      // Where an offer of a new feed is under way, the one that ended is the one before.
      if (this.#plan.isAgreed) this.#plan.renew(this.#now);
      return;
    }
    if (code === 'OFFER_PENDING') return;
    if (this.#exchange?.isSent && code.startsWith('TOKEN_EXCHANGE_')) return this.#refuseExchange(failure);
    if (pid !== undefined) this.#wants.refused(pid);
    else if (category === 'SUBSCRIBE_ERROR') {
      if (code === 'FAILED' && this.#plan.isSent && !this.#plan.isAgreed) return this.#plan.renew(this.#now);
      this.#plan.refuse();
    }
    this.#tell('failure', failure);
  }

  #notLetIn(failure: Failure): void {
    const isLate = this.#line.phase === 'lost';
    if (failure.code === 'FAILED' || (isLate && failure.code === 'STAGE_AT_CAPACITY')) this.#line.lose(failure);
    else if (isLate) {
      this.#tell('failure', failure);
      this.#end(ENDINGS[failure.code] ?? 'unknown', failure);
    } else this.#refuse(failure);
  }

  #left({ reason }: Frame<'left'>): void {
    if (reason !== 'unknown') return this.#end(reason, CANCELED);
    // The server goes down, or has ended the session of all. Another may begin.
    this.#session = '';
    this.#hasOldFeed = false;
    this.#plan.close();
    this.#line.lose();
  }

  #lost(): void {
    this.#plan.lost();
    if (this.#exchange) this.#exchange.isSent = false;
  }

  /** Gives up a feed of which the server may not know yet that it is dead. */
  #renewFeed(): void {
    if (this.#plan.renewals === FEEDS_TRIED) {
      const message = 'media of the stage does not come through';
      this.#tell('failure', { code: 'FAILED', category: 'SUBSCRIBE_ERROR', message });
    }
    this.#hasOldFeed ||= this.#plan.isSent;
    this.#plan.renew(this.#now);
  }

  #setMute(mute: Mute): void {
    if (mute.audio === this.#mute.audio && mute.video === this.#mute.video) return;
    this.#mute = { ...mute };
    this.#hasMuted = true;
    this.#isMuteTold = false;
    this.#flush();
  }

  #exchanged({ self }: Frame<'exchanged'>): void {
    if (!this.#exchange) return;
    const { token, receives } = this.#exchange;
    const received = this.#receives;
    this.#exchange = undefined;
    this.#receives = receives;
    this.#line.token(token);
    this.#cancel('exchange');
    this.#do({ do: 'exchanged', self });
    if (received && !receives) this.#plan.close();
    if (!received && receives) {
      // Nobody knows what a server keeps of wants that it may not serve.
      this.#wants.doubt();
      this.#plan.open();
    }
    this.#flush();
  }

  #refuseExchange(failure: Failure): void {
    if (!this.#exchange) return;
    this.#exchange = undefined;
    this.#cancel('exchange');
    this.#do({ do: 'exchange-refused', failure });
  }

  #progress(): void {
    this.#join();
    this.#flush();
  }

  /** Says what is to be said. */
  #flush(): void {
    if (this.#line.socket !== 'joined') return;
    // An offer on this socket would be taken for one of the old feed; one that comes with a resume is not.
    if (this.#hasOldFeed && this.#plan.hasFirstOffer) this.#line.lose();
    else this.#line.flush(() => this.#next());
  }

  #next(): ClientMessage | undefined {
    if (this.#exchange && !this.#exchange.isSent) {
      this.#exchange.isSent = true;
      this.#do({ do: 'timer', name: 'exchange', ms: ANSWER_MS });
      return { type: 'exchange', token: this.#exchange.token };
    }
    const sdp = this.#plan.take();
    if (sdp !== undefined) return { type: 'offer', sdp };
    if (!this.#isMuteTold) {
      this.#isMuteTold = true;
      return { type: 'mute', ...this.#mute };
    }
    return this.#receives ? this.#wants.next() : undefined;
  }

  #sayLeave(): void {
    if (this.#line.socket === 'joined') this.#line.say({ type: 'leave' });
  }

  /** The join has failed; there was no session. */
  #refuse(failure: Failure): void {
    this.#finish();
    this.#do({ do: 'refused', failure });
  }

  /** The session is over. */
  #end(reason: LeftReason, failure: Failure): void {
    const isFirst = this.#line.phase === 'connecting';
    this.#finish();
    this.#refuseExchange(failure);
    if (isFirst) this.#do({ do: 'refused', failure });
    this.#tell('left', reason);
  }

  #finish(): void {
    this.#do({ do: 'close' });
    this.#plan.close();
    this.#do({ do: 'rest' });
    this.#line.state('ended');
  }

  #tell<Name extends Tell['of']>(of: Name, value: Parameters<SessionListener[Name]>[0]): void {
    this.#do({ do: 'tell', of, value } as Tell);
  }

  #cancel(name: TimerName): void {
    this.#do({ do: 'cancel', name });
  }

  #do(effect: Effect): void {
    this.#out.push(effect);
  }
}
