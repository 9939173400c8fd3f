import { beforeEach, describe, expect, it } from 'vitest';

import { StageErrorCode } from './enums';
import { FakeCore, listen, person, quiet, settle, tokenOf, track } from './fakes';
import { Stage } from './stage';
import { LocalStageStream } from './streams';
import { useTransport } from './transport';
import { viewOf } from './view';

let core: FakeCore;

beforeEach(() => {
  core = new FakeCore();
  useTransport(core);
});

const ALL = { allow_publish: true, allow_subscribe: true };

async function joined(capabilities: object = ALL) {
  const stream = new LocalStageStream(track('audio'));
  const stage = new Stage(tokenOf({ capabilities }), { ...quiet, shouldPublishParticipant: () => true, stageStreamsToPublish: () => [stream] });
  const lines = listen(stage);
  const join = stage.join();
  const { session } = core;
  await session.joins([person('ben')], { capabilities: viewOf(stage).token.capabilities });
  await join;
  await settle();
  lines.length = 0;
  return { stage, lines, session };
}

const self = (...capabilities: ('publish' | 'subscribe')[]) => ({ id: 'ana', userId: 'Ana', attributes: {}, capabilities: new Set(capabilities) });

describe('another token', () => {
  it('changes who this is before the server has agreed', async () => {
    const { stage, lines, session } = await joined();
    const next = tokenOf({ user_id: 'Ana', attributes: {} });
    const exchange = stage.exchangeToken(next);
    await settle();
    expect(session.exchanged).toEqual([[next, true]]);
    expect(lines).toEqual(['ParticipantMetadataChanged ana']);
    expect(viewOf(stage).participants[0]).toMatchObject({ userId: 'Ana', attributes: {} });
    session.exchanging?.resolve(self('publish', 'subscribe'));
    await exchange;
    expect(viewOf(stage).token.text).toBe(next);
    expect(core.publication.tokens).toEqual([next]);
  });

  it('that may not publish ends publishing at once', async () => {
    const { stage, lines } = await joined();
    void stage.exchangeToken(tokenOf({ capabilities: { allow_subscribe: true } })).catch(() => undefined);
    await settle();
    expect(core.publication.state).toBe('stopped');
    expect(lines).toEqual([
      'ParticipantMetadataChanged ana',
      'ParticipantStreamsRemoved ana audio',
      'ParticipantPublishStateChanged ana not_published',
    ]);
  });

  it('that may publish asks the strategy once the server has agreed', async () => {
    const { stage, session } = await joined({ allow_subscribe: true });
    const next = tokenOf();
    const exchange = stage.exchangeToken(next);
    await settle();
    expect(core.publications).toEqual([]);
    session.exchanging?.resolve(self('publish', 'subscribe'));
    await exchange;
    expect(core.publication.options.token).toBe(next);
  });

  it('that may not subscribe wants nobody, and one that may wants all again', async () => {
    const { stage, session } = await joined();
    const first = stage.exchangeToken(tokenOf({ capabilities: { allow_publish: true } }));
    await settle();
    expect(session.wants).toEqual([]);
    expect(session.exchanged[0]?.[1]).toBe(false);
    session.exchanging?.resolve(self('publish'));
    await first;
    const second = stage.exchangeToken(tokenOf());
    await settle();
    expect(session.wants).toEqual([]);
    session.exchanging?.resolve(self('publish', 'subscribe'));
    await second;
    expect(session.wants).toHaveLength(1);
  });

  it('that the server refuses ends the session', async () => {
    const { stage, lines, session } = await joined();
    const exchange = expect(stage.exchangeToken(tokenOf({ user_id: 'Ana' }))).rejects.toMatchObject({ code: StageErrorCode.TOKEN_EXCHANGE_FAILED });
    await settle();
    session.exchanging?.reject({ code: 'TOKEN_EXCHANGE_FAILED', category: 'JOIN_ERROR', message: 'user_id' });
    await exchange;
    await settle();
    expect(lines).toContain(`error ${StageErrorCode.TOKEN_EXCHANGE_FAILED}`);
    expect(lines.slice(-2)).toEqual(['Left failed-exchange', 'ConnectionStateChanged disconnected']);
    expect(session.isOver).toBe(true);
  });

  it('is refused too when the end is heard of first', async () => {
    const { stage, lines, session } = await joined();
    const exchange = expect(stage.exchangeToken(tokenOf())).rejects.toMatchObject({ code: StageErrorCode.TOKEN_EXCHANGE_FAILED });
    await settle();
    session.ends('failed-exchange');
    await exchange;
    await settle();
    expect(lines.filter((line) => line.startsWith('Left'))).toEqual(['Left failed-exchange']);
  });

  it('is canceled by leaving', async () => {
    const { stage, session } = await joined();
    const exchange = expect(stage.exchangeToken(tokenOf())).rejects.toMatchObject({ code: StageErrorCode.CANCELED });
    await settle();
    stage.leave();
    await exchange;
    expect(session.isOver).toBe(true);
  });

  it('of somebody else is refused here, and changes nothing', async () => {
    const { stage, lines, session } = await joined();
    await expect(stage.exchangeToken(tokenOf({ jti: 'ben' }))).rejects.toMatchObject({ code: StageErrorCode.TOKEN_EXCHANGE_REQUEST_INVALID });
    await expect(stage.exchangeToken('none')).rejects.toMatchObject({ code: StageErrorCode.TOKEN_EXCHANGE_REQUEST_INVALID });
    expect(session.exchanged).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('comes one at a time', async () => {
    const { stage, session } = await joined();
    const first = stage.exchangeToken(tokenOf());
    await expect(stage.exchangeToken(tokenOf())).rejects.toMatchObject({ code: StageErrorCode.TOKEN_EXCHANGE_REQUEST_INVALID });
    await settle();
    session.exchanging?.resolve(self('publish', 'subscribe'));
    await first;
  });

  it('is that of the next join where nobody has joined', async () => {
    const stage = new Stage(tokenOf(), quiet);
    await stage.exchangeToken(tokenOf({ user_id: 'Ana' }));
    void stage.join().catch(() => undefined);
    expect(core.session.options.token).toBe(tokenOf({ user_id: 'Ana' }));
  });

  it('waits for the join that is under way', async () => {
    const stage = new Stage(tokenOf(), quiet);
    const join = stage.join();
    const exchange = stage.exchangeToken(tokenOf({ user_id: 'Ana' }));
    await settle();
    expect(core.session.exchanged).toEqual([]);
    await core.session.joins();
    await join;
    await settle();
    expect(core.session.exchanged).toHaveLength(1);
    core.session.exchanging?.resolve(self('publish', 'subscribe'));
    await exchange;
  });
});
