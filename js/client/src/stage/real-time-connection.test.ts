import { beforeEach, describe, expect, it } from 'vitest';

import { RealTimeConnectionErrorCode, RealTimeConnectionState } from './enums';
import { connectionToken, FakeCore, quiet, settle, tokenOf } from './fakes';
import { RealTimeConnection } from './real-time-connection';
import { Stage } from './stage';
import { useTransport } from './transport';

let core: FakeCore;

beforeEach(() => {
  core = new FakeCore();
  useTransport(core);
});

describe('a connection for several stages', () => {
  it('goes where its token says', () => {
    const connection = new RealTimeConnection(connectionToken());
    expect(core.connections).toMatchObject([{ url: 'wss://media.example/events/_connection', token: connectionToken() }]);
    expect(connection.state).toBe(RealTimeConnectionState.DISCONNECTED);
  });

  it('throws at once for a token that is none, or has ended', () => {
    expect(() => new RealTimeConnection('none')).toThrow(expect.objectContaining({ code: RealTimeConnectionErrorCode.TOKEN_MALFORMED }));
    expect(() => new RealTimeConnection(connectionToken({ exp: 1 }))).toThrow(expect.objectContaining({ code: RealTimeConnectionErrorCode.TOKEN_EXPIRED }));
  });

  it('tells its states and failures', async () => {
    const connection = new RealTimeConnection(connectionToken());
    const told: unknown[] = [];
    connection.on('stateChanged', (state) => void told.push(state));
    connection.on('error', ({ code }) => void told.push(code));
    core.connections[0]?.state('connecting');
    core.connections[0]?.state('connected');
    core.connections[0]?.fail();
    expect(told).toEqual([]);
    await settle();
    expect(told).toEqual(['connecting', 'connected', RealTimeConnectionErrorCode.CONNECTION_FAILED]);
  });

  it('connects and disconnects', async () => {
    const connection = new RealTimeConnection(connectionToken());
    await connection.connect();
    connection.disconnect();
    expect(core.connections[0]).toMatchObject({ connects: 1, disconnects: 1 });
  });

  it('is that of each stage which is given it', () => {
    const connection = new RealTimeConnection(connectionToken());
    for (const configuration of [connection, { realTimeConnection: connection }]) {
      const stage = new Stage(tokenOf(), quiet, configuration);
      void stage.join().catch(() => undefined);
      expect(core.session.options.connection).toBe(connection.shared);
      stage.leave();
    }
  });

  it('is none of another kind', () => {
    const foreign = { realTimeConnection: {} as RealTimeConnection };
    expect(() => new Stage(tokenOf(), quiet, foreign)).toThrow(expect.objectContaining({ code: RealTimeConnectionErrorCode.CONNECTION_FOREIGN }));
  });

  it.each(['real-time-connection-forced-leave', 'real-time-connection-token-revocation'] as const)('ends its stages: %s', async (reason) => {
    const stage = new Stage(tokenOf(), quiet, new RealTimeConnection(connectionToken()));
    const reasons: string[] = [];
    stage.on('stageLeft', (why: string) => void reasons.push(why));
    const join = stage.join();
    await core.session.joins();
    await join;
    core.session.ends(reason);
    await settle();
    expect(reasons).toEqual([reason]);
  });
});
