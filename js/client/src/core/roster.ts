/** Who publishes, as the owner of the session has been told. */

import type { Person } from './contract';
import type { PersonUpdate } from './messages';

export interface PeopleChange {
  left: string[];
  joined: Person[];
  updated: Person[];
}

export class Roster {
  /** This participant, who is told to all but itself. */
  self = '';
  #people = new Map<string, Person>();

  /** Takes a whole list, and gives what differs from what was known. */
  snapshot(people: readonly Person[]): PeopleChange {
    const there = new Set(people.map(({ id }) => id));
    const gone = [...this.#people.keys()].filter((id) => !there.has(id));
    return this.change(gone, people, []);
  }

  /** Takes changes in the order of the frame. Who leaves and joins in one has published anew. */
  change(leave: readonly string[], join: readonly Person[], update: readonly PersonUpdate[]): PeopleChange {
    const left = leave.filter((id) => this.#people.delete(id));
    const joined: Person[] = [];
    const updated = new Map<string, Person>();
    for (const person of join) {
      if (person.id === this.self) continue;
      if (this.#people.has(person.id)) this.#update(person, updated);
      else {
        this.#people.set(person.id, person);
        joined.push(person);
      }
    }
    for (const person of update) this.#update(person, updated);
    return { left, joined, updated: [...updated.values()] };
  }

  #update(change: PersonUpdate, updated: Map<string, Person>): void {
    const before = this.#people.get(change.id);
    if (!before) return;
    const after = { ...before, ...change };
    if (same(before, after)) return;
    this.#people.set(after.id, after);
    updated.set(after.id, after);
  }
}

function same(one: Person, other: Person): boolean {
  const names = Object.keys(one.attributes);
  return (
    one.userId === other.userId &&
    one.audioMuted === other.audioMuted &&
    one.videoStopped === other.videoStopped &&
    names.length === Object.keys(other.attributes).length &&
    names.every((name) => one.attributes[name] === other.attributes[name])
  );
}
