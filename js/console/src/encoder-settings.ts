// What encoders are told.

import { quote } from './api/cli';

const ENCODE = '-c:v libx264 -profile:v baseline -bf 0 -g 60 -pix_fmt yuv420p -b:v 2M';

export function ffmpegWhip(whip: string): string {
  return `ffmpeg -re -i file.mp4 ${ENCODE} \\\n  -c:a libopus -ar 48000 -ac 2 -f whip -authorization "$TOKEN" ${quote(whip)}`;
}

/** `server` ends with the application, as in `rtmps://host:1936/app/`; the stream key is in a variable, so that no history keeps it. */
export function ffmpegRtmp(server: string): string {
  return `ffmpeg -re -i file.mp4 ${ENCODE} \\\n  -c:a aac -ar 48000 -ac 2 -f flv ${quote(`${server.replace(/\/$/, '')}/`)}"$STREAM_KEY"`;
}
