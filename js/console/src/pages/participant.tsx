import { Page } from '../parts/page';

export function ParticipantPage(_props: { stageArn: string; sessionId: string; participantId: string }) {
  return <Page title="Participant" />;
}
