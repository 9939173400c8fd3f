import { expect, test } from 'vitest';

import { ffmpegRtmp, gstreamerRtmp } from './encoder-settings';

test('the key is a variable at the end of the address', () => {
  for (const server of ['rtmp://127.0.0.1:1935/app/', 'rtmp://127.0.0.1:1935/app']) {
    expect(ffmpegRtmp(server)).toMatch(/ -f flv rtmp:\/\/127\.0\.0\.1:1935\/app\/"\$STREAM_KEY"$/);
    expect(gstreamerRtmp(server)).toContain('location=rtmp://127.0.0.1:1935/app/"$STREAM_KEY" ');
  }
});

test('a certificate for which nobody vouches is not looked at, and only that', () => {
  const [plain, tls] = ['rtmp://localhost:1935/app/', 'rtmps://localhost:1936/app/'];
  for (const [server, isSelfSigned, isPassedOver] of [
    [tls, true, true],
    [tls, false, false],
    [plain, true, false],
    [plain, false, false],
  ] as const) {
    expect(ffmpegRtmp(server, isSelfSigned).includes('-tls_verify 0')).toBe(isPassedOver);
    expect(gstreamerRtmp(server, isSelfSigned).includes('tls-validation-flags=0')).toBe(isPassedOver);
  }
});
