// The charts of one participant, of what is received or sent.

import { Chart, Charts } from './chart';
import { bitrate, framesPerSecond, milliseconds, percent } from './format';
import { names } from './history';
import { SINGLE, type Measured } from './on-stage';

const NO_LAYERS: readonly string[] = [SINGLE, 'audio'];
const ORDER = ['hi', 'mid', 'low'];

export function Measurements({ measured }: { measured: Measured | undefined }) {
  const history = measured?.history ?? [];
  const all = names(history, 'bitrate:').sort((one, other) => ORDER.indexOf(one) - ORDER.indexOf(other));
  // Before the layers are known, and again while none is selected, there seems to be but one.
  const layers = all.length > 1 ? all.filter((layer) => layer !== SINGLE) : all;
  const pictures = layers.filter((layer) => layer !== 'audio');
  const label = (layer: string) => (NO_LAYERS.includes(layer) ? '' : layer);
  if (layers.length === 0) return <p class="quiet">The first measurements come in a moment.</p>;
  return (
    <Charts>
      <Chart title="Bitrate" history={history} least={100_000} text={bitrate} series={layers.map((layer) => ({ name: `bitrate:${layer}`, label: label(layer) }))} />
      {pictures.length > 0 && (
        <Chart title="Frame rate" history={history} least={32} text={framesPerSecond} series={pictures.map((layer) => ({ name: `fps:${layer}`, label: label(layer) }))} />
      )}
      <Chart title="Lost packets" history={history} least={0.05} text={percent} series={[{ name: 'loss', label: '' }]} />
      <Chart title="Round trip" history={history} least={20} text={milliseconds} series={[{ name: 'roundTrip', label: '' }]} />
    </Charts>
  );
}
