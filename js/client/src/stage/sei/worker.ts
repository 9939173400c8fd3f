/** Runs in a worker: encoded frames go through here, on their way out or in. */

import { Extractor, Inserter } from './track';

interface Transformer {
  readable: ReadableStream<RTCEncodedVideoFrame>;
  writable: WritableStream<RTCEncodedVideoFrame>;
  options: { way: 'send' | 'receive'; port: MessagePort };
}

const scope = self as unknown as { onrtctransform: (event: { transformer: Transformer }) => void };

scope.onrtctransform = ({ transformer: { readable, writable, options } }) => {
  const through = options.way === 'send' ? sending(options.port) : receiving(options.port);
  const transform = new TransformStream<RTCEncodedVideoFrame, RTCEncodedVideoFrame>({
    transform(frame, controller) {
      // A frame goes on, whatever becomes of messages.
      try {
        through(frame);
      } finally {
        controller.enqueue(frame);
      }
    },
  });
  const close = () => options.port.close();
  readable.pipeThrough(transform).pipeTo(writable).then(close, close);
};

function sending(port: MessagePort): (frame: RTCEncodedVideoFrame) => void {
  const inserter = new Inserter();
  port.onmessage = ({ data: { message, repeatCount } }) => inserter.add(message, repeatCount, performance.now());
  return (frame) => {
    const { synchronizationSource = 0 } = frame.getMetadata();
    const before = new Uint8Array(frame.data);
    const after = inserter.frame(synchronizationSource, before, performance.now());
    if (after !== before) frame.data = after.buffer as ArrayBuffer;
  };
}

function receiving(port: MessagePort): (frame: RTCEncodedVideoFrame) => void {
  const extractor = new Extractor();
  return (frame) => {
    for (const message of extractor.frame(new Uint8Array(frame.data))) port.postMessage(message);
  };
}
