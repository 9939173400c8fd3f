// When flashes are shown and beeps are heard of a peer of clients.js, in milliseconds of performance.now().

window.watchFlashes = async (name) => {
  const { element } = window.peers[name];
  const seen = { flashes: [], beeps: [], frames: 0 };
  const canvas = new OffscreenCanvas(8, 8);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  let wasBright = true;
  const look = (now, { expectedDisplayTime }) => {
    context.drawImage(element, 0, 0, 8, 8);
    const { data } = context.getImageData(0, 0, 8, 8);
    const isBright = data.reduce((sum, each) => sum + each, 0) / data.length > 160;
    if (isBright && !wasBright) seen.flashes.push(expectedDisplayTime);
    wasBright = isBright;
    seen.frames += 1;
    element.requestVideoFrameCallback(look);
  };
  element.requestVideoFrameCallback(look);

  const audio = new AudioContext({ latencyHint: 'interactive' });
  const code = `registerProcessor('onsets', class extends AudioWorkletProcessor {
    process([[left]]) {
      if (!left) return true;
      const at = left.findIndex((each) => Math.abs(each) > 0.1);
      if (at >= 0) {
        const now = currentTime + at / sampleRate;
        if (!this.last || now - this.last > 0.3) this.port.postMessage(now);
        this.last = now;
      }
      return true;
    }
  });`;
  await audio.audioWorklet.addModule(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
  const worklet = new AudioWorkletNode(audio, 'onsets');
  // What passes the worklet at a time of the context is heard when the output has come to that time.
  worklet.port.onmessage = ({ data }) => {
    const { contextTime, performanceTime } = audio.getOutputTimestamp();
    seen.beeps.push(performanceTime + (data - contextTime) * 1000);
  };
  audio.createMediaStreamSource(element.srcObject).connect(worklet).connect(audio.destination);
  await audio.resume();
  window.flashing = seen;
};

// The longest time between two pictures that are shown, in milliseconds.
window.watchGaps = (name) => {
  const { element } = window.peers[name];
  const gaps = (window.gaps = { longest: 0, frames: 0 });
  let last;
  const look = (now) => {
    if (last !== undefined) gaps.longest = Math.max(gaps.longest, now - last);
    last = now;
    gaps.frames += 1;
    element.requestVideoFrameCallback(look);
  };
  element.requestVideoFrameCallback(look);
};
