import { Page } from '../parts/page';

export function StagesPage() {
  return <Page title="Stages" />;
}
