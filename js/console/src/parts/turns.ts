// Answers that overtake each other: one that is older than what is shown is of no use, any other one is, also where the next was asked for.

export class Turns {
  #asked = 0;
  #taken = 0;

  next(): number {
    this.#asked += 1;
    return this.#asked;
  }

  /** Whether the answer to this turn is to be shown. */
  take(turn: number): boolean {
    if (turn < this.#taken) return false;
    this.#taken = turn;
    return true;
  }

  /** Nothing that was asked for before is shown any more. */
  end(): void {
    this.#taken = this.next();
  }
}
