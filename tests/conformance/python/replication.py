"""Replications between stages (`downstage.Stage`), as the control API begins, ends and lists them."""

from downstage import until


class Replication:
    """A participant of one stage that appears on another; begun when this is made."""

    def __init__(self, source, participant: str, destination, **arguments):
        self.source, self.participant, self.destination = source, participant, destination
        self.ids = {"sourceStageArn": source.arn, "destinationStageArn": destination.arn, "participantId": participant}
        source.client.start_participant_replication(**self.ids, **arguments)

    def stop(self) -> None:
        self.source.client.stop_participant_replication(**self.ids)

    def state(self) -> str:
        """As the source's list has it."""
        listed = self.source.client.list_participant_replicas(sourceStageArn=self.source.arn, participantId=self.participant)["replicas"]
        (mine,) = [each for each in listed if each["destinationStageArn"] == self.destination.arn]
        assert mine["destinationSessionId"] == self.destination.session() and mine["sourceSessionId"] == self.source.session()
        return mine["replicationState"]

    def events(self) -> list[dict]:
        """The events of the replica, all of which say what it is."""
        found = self.destination.events(self.participant)
        assert all(each["replica"] for each in found), found
        return found

    def wait_for(self, *names: str) -> None:
        """Waits until the replica's list of events is exactly this."""
        until(f"the events of the replica are {names}", lambda: [each["name"] for each in self.events()] == list(names))
