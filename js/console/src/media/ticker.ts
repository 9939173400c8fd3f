// A worker that ticks: the first message says how often, in milliseconds.

self.addEventListener('message', ({ data }: MessageEvent<number>) => {
  setInterval(() => self.postMessage(0), data);
});
