/** The transport of stages: sessions, publications and shared connections. */

import { Connection, type ConnectionListener } from './connection';
import type { Core } from './contract';
import { LivePublication } from './publication';
import { LiveSession } from './session';

export type * from './contract';
export { browser } from './platform';

export const openSession: Core['openSession'] = (options, listener) => new LiveSession(options, listener);

export const openPublication: Core['openPublication'] = (options, listener) => new LivePublication(options, listener);

export const openConnection: Core['openConnection'] = (options, listener: ConnectionListener) => new Connection(options, listener);
