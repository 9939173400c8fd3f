import { Page } from '../parts/page';

export function IngestPage() {
  return <Page title="Ingest" />;
}
