/** Events on their way to the application: in order, and never within a call of its own, unless it leaves. */

export class Outbox {
  #waiting: (() => void)[] = [];

  later(tell: () => void): void {
    if (this.#waiting.push(tell) === 1) queueMicrotask(() => this.flush());
  }

  flush(): void {
    for (let tell = this.#waiting.shift(); tell; tell = this.#waiting.shift()) tell();
  }
}
