/** The browser that this runs in. */

import type { Platform } from './contract';

export function browser(): Platform {
  return {
    WebSocket: WebSocket as unknown as Platform['WebSocket'],
    RTCPeerConnection,
    fetch: (url, init) => fetch(url, init),
    codecs: (way, kind) => {
      const from = way === 'send' ? globalThis.RTCRtpSender : globalThis.RTCRtpReceiver;
      return from?.getCapabilities?.(kind)?.codecs ?? [];
    },
    now: () => performance.now(),
    setTimeout: (work, milliseconds) => setTimeout(work, milliseconds),
    clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
    random: Math.random,
  };
}
