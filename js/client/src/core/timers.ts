/** Timers by name, of which each is there once. */

import type { Platform } from './contract';

export class Timers<Name extends string> {
  #set = new Map<Name, unknown>();

  constructor(
    private readonly platform: Platform,
    private readonly due: (name: Name) => void,
  ) {}

  set(name: Name, ms: number): void {
    this.cancel(name);
    const timer = this.platform.setTimeout(() => {
      this.#set.delete(name);
      this.due(name);
    }, ms);
    this.#set.set(name, timer);
  }

  cancel(name: Name): void {
    if (!this.#set.has(name)) return;
    this.platform.clearTimeout(this.#set.get(name));
    this.#set.delete(name);
  }

  clear(): void {
    for (const name of [...this.#set.keys()]) this.cancel(name);
  }
}
