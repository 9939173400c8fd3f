/** Beyond the API of IVS (docs/client.md). */

export { type AdaptiveOptions, adaptStreams } from './adaptive';
export { canPlayAudio, startAudio } from './playback';
export { keepToken, type TokenSourceOptions } from './token-source';
export { type StageView, viewOf } from '../stage/view';
