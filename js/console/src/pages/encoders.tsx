import { Page } from '../parts/page';

export function EncodersPage() {
  return <Page title="Encoders" />;
}
