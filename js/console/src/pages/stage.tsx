import { Page } from '../parts/page';

export function StagePage(_props: { stageArn: string }) {
  return <Page title="Stage" />;
}
