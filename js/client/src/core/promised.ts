/** A promise that is kept from outside. */

import type { Failure } from './contract';

export interface Promised<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(failure: Failure): void;
}

export function promised<T>(): Promised<T> {
  let resolve!: (value: T) => void;
  let reject!: (failure: Failure) => void;
  const promise = new Promise<T>((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
}
