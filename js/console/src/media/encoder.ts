// How an encoder publishes with a token.

import { quote } from '../api/cli';
import type { Token } from './token';

/** B-frames would be put out of order by browsers; a key frame every two seconds lets viewers in quickly. */
export function ffmpegCommand({ whipUrl, text }: Pick<Token, 'whipUrl' | 'text'>): string {
  return [
    'ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine',
    '-pix_fmt yuv420p -c:v libx264 -profile:v baseline -preset veryfast -bf 0 -g 60 -b:v 2000k -c:a libopus -ar 48000 -ac 2',
    `-f whip -authorization ${quote(text)} ${quote(whipUrl)}`,
  ].join(' \\\n  ');
}
