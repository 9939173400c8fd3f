import { Page } from '../parts/page';

export function StoragePage() {
  return <Page title="Storage" />;
}
