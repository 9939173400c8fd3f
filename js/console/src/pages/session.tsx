import { Page } from '../parts/page';

export function SessionPage(_props: { stageArn: string; sessionId: string }) {
  return <Page title="Session" />;
}
