/** The transport under the stages. Tests put another in its place. */

import { browser, openConnection, openPublication, openSession } from '../core';
import type { Core } from '../core/contract';

export let transport: Core = { openSession, openPublication, openConnection, browser };

export function useTransport(other: Core): void {
  transport = other;
}
