/** The worker of encoded frames, made when it is first needed, and the ways into it. */

import SeiWorker from './worker?worker&inline';

type ScriptTransform = new (worker: Worker, options: unknown, transfer: Transferable[]) => RTCRtpScriptTransform;

let worker: Worker | undefined;

export function canTransform(): boolean {
  return 'RTCRtpScriptTransform' in globalThis;
}

/** Sends the frames of a sender or a receiver through the worker; gives the port to speak with it. */
export function transformed(end: RTCRtpSender | RTCRtpReceiver, way: 'send' | 'receive'): MessagePort | undefined {
  const Transform = (globalThis as unknown as { RTCRtpScriptTransform?: ScriptTransform }).RTCRtpScriptTransform;
  if (!Transform) return undefined;
  worker ??= new SeiWorker();
  const { port1, port2 } = new MessageChannel();
  end.transform = new Transform(worker, { way, port: port2 }, [port2]);
  return port1;
}
