// The pages that carry media: live tiles, publishing, the connection test.

import './media.css';

export { LiveTiles, type LiveTilesProps } from './live-tiles';
export { PublishPage } from './publish-page';
export { ConnectionTest } from './connection-test';
