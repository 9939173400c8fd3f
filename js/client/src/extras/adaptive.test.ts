import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { RemoteStageStream, Stage } from '../stage';
import { FakeCore, person, quiet, tokenOf } from '../stage/fakes';
import { useTransport } from '../stage/transport';
import { viewOf } from '../stage/view';
import { adaptStreams } from './adaptive';
import { FakeElement, FakeIntersectionObserver, FakeResizeObserver, stubDocument } from './fakes';

let core: FakeCore;

beforeEach(() => {
  core = new FakeCore();
  useTransport(core);
  stubDocument();
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function watching() {
  const stage = new Stage(tokenOf(), quiet);
  const stop = adaptStreams(stage, { pixelDensity: 2 });
  void stage.join();
  core.session.isIn = true;
  core.session.listener.state('connected');
  core.session.listener.people({ left: [], joined: [person('ben')], updated: [] });
  core.session.binds('ben', 'video');
  const [video] = viewOf(stage).streams('ben') as unknown as [RemoteStageStream];
  const show = (element: FakeElement, width: number, height: number, isIntersecting = true) => {
    Object.assign(element, { clientWidth: width, clientHeight: height });
    FakeIntersectionObserver.latest.tell([{ target: element, isIntersecting }]);
    FakeResizeObserver.latest.tell([{ target: element }]);
    vi.advanceTimersByTime(200);
  };
  return { stage, stop, video, show, size: () => core.session.wants[0]?.maxSize };
}

describe('a video is as large as it is seen', () => {
  it('in device pixels, in the largest of its elements', async () => {
    const { video, show, size } = await watching();
    expect(size()).toBeUndefined();
    const [one, other] = [new FakeElement(), new FakeElement()];
    video.attach(one.element);
    video.attach(other.element);
    show(one, 160, 90);
    expect(size()).toEqual({ width: 320, height: 180 });
    show(other, 640, 360);
    expect(size()).toEqual({ width: 1280, height: 720 });
  });

  it('and small while it is not', async () => {
    const { video, show, size } = await watching();
    const element = new FakeElement();
    video.attach(element.element);
    show(element, 640, 360, false);
    expect(size()).toEqual({ width: 1, height: 1 });
    video.detach();
    vi.advanceTimersByTime(200);
    expect(size()).toBeUndefined();
  });

  it('until that ends', async () => {
    const { video, show, size, stop } = await watching();
    const element = new FakeElement();
    video.attach(element.element);
    show(element, 640, 360);
    stop();
    expect(size()).toBeUndefined();
    expect(FakeResizeObserver.latest.targets.size).toBe(0);
  });

  it('which streams of other stages do not change', async () => {
    const { size } = await watching();
    const own = core.session;
    const other = new Stage(tokenOf(), quiet);
    void other.join();
    core.session.isIn = true;
    core.session.listener.state('connected');
    core.session.listener.people({ left: [], joined: [person('ben')], updated: [] });
    core.session.binds('ben', 'video');
    const [video] = viewOf(other).streams('ben') as unknown as [RemoteStageStream];
    video.attach(new FakeElement().element);
    vi.advanceTimersByTime(200);
    expect(own.wants[0]?.maxSize).toBeUndefined();
    expect(size()).toBeUndefined();
  });
});
