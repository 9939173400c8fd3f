/** An emitter of events. Applications pass events of their own, too. */

export type Listener = (...args: any[]) => void;

/** `Events` has the listener of each event. */
export class Emitter<Events extends { [Name in keyof Events]: Listener } = Record<string, Listener>> {
  #listeners = new Map<PropertyKey, { callback: Listener; context: unknown }[]>();

  on<Name extends keyof Events>(event: Name, callback: Events[Name], context?: unknown): void;
  on(event: string, callback: Listener, context?: unknown): void;
  on(event: PropertyKey, callback: Listener, context?: unknown): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), { callback, context }]);
  }

  /** Without a callback it takes off all of the event. */
  off<Name extends keyof Events>(event: Name, callback?: Events[Name], context?: unknown): void;
  off(event: string, callback?: Listener, context?: unknown): void;
  off(event: PropertyKey, callback?: Listener, context?: unknown): void {
    const isKept = (each: { callback: Listener; context: unknown }) =>
      callback !== undefined && (each.callback !== callback || (context !== undefined && each.context !== context));
    const kept = (this.#listeners.get(event) ?? []).filter(isKept);
    if (kept.length > 0) this.#listeners.set(event, kept);
    else this.#listeners.delete(event);
  }

  emit<Name extends keyof Events>(event: Name, ...args: Parameters<Events[Name]>): void;
  emit(event: string, ...args: unknown[]): void;
  emit(event: PropertyKey, ...args: unknown[]): void {
    for (const { callback, context } of this.#listeners.get(event) ?? []) {
      try {
        callback.apply(context, args);
      } catch (error) {
        report(error);
      }
    }
  }

  removeAllListeners(event?: keyof Events | string): void {
    if (event === undefined) this.#listeners.clear();
    else this.#listeners.delete(event);
  }

  hasListenersFor(event: keyof Events | string): boolean {
    return this.#listeners.has(event);
  }

  /** Libraries that wrap plain objects in proxies leave objects with a tag alone; private members work through none. */
  get [Symbol.toStringTag](): string {
    return 'Emitter';
  }
}

/** A mistake in the application's code is shown as if nobody had caught it, and changes nothing here. */
export function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
