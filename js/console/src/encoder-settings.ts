// What encoders are told.

import { quote } from './api/cli';

const ENCODE = '-c:v libx264 -profile:v baseline -bf 0 -r 30 -g 60 -pix_fmt yuv420p -b:v 2M';

export function ffmpegWhip(whip: string): string {
  return `ffmpeg -re -i file.mp4 ${ENCODE} \\\n  -c:a libopus -ar 48000 -ac 2 -f whip -authorization "$TOKEN" ${quote(whip)}`;
}

/**
 * `server` ends with the application, as in `rtmps://host:1936/app/`; the stream key is in a variable, so that no history keeps it.
 * `isSelfSigned`: nobody vouches for the certificate of the server, so that it is not looked at (FFmpeg does since version 9).
 */
export function ffmpegRtmp(server: string, isSelfSigned = false): string {
  const unverified = isSelfSigned && isEncrypted(server) ? '-tls_verify 0 ' : '';
  return `ffmpeg -re -i file.mp4 ${ENCODE} \\\n  -c:a aac -b:a 128k -ar 48000 -ac 2 ${unverified}-f flv ${place(server)}`;
}

/** A test picture and a tone; the elements of the base, good, bad, ugly and libav plugins. */
export function gstreamerRtmp(server: string, isSelfSigned = false): string {
  const unverified = isSelfSigned && isEncrypted(server) ? ' tls-validation-flags=0' : '';
  return [
    `gst-launch-1.0 -e flvmux name=mux streamable=true ! rtmp2sink location=${place(server)}${unverified}`,
    'videotestsrc is-live=true ! video/x-raw,width=1280,height=720,framerate=30/1',
    '  ! x264enc bitrate=2000 bframes=0 key-int-max=60 speed-preset=veryfast ! video/x-h264,profile=baseline ! h264parse ! mux.',
    'audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2 ! avenc_aac bitrate=128000 ! aacparse ! mux.',
  ].join(' \\\n  ');
}

export function isEncrypted(server: string): boolean {
  return server.startsWith('rtmps:');
}

function place(server: string): string {
  return `${quote(`${server.replace(/\/$/, '')}/`)}"$STREAM_KEY"`;
}
