// The AWS SDK for Go v2 through every operation of this build, as an application would go: one life, from the first stage to the last.
// Endpoint, region and keys are those that a server's banner exports; nobody else calls that server.
package conformance

import (
	"context"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ivs "github.com/aws/aws-sdk-go-v2/service/ivsrealtime"
	"github.com/aws/aws-sdk-go-v2/service/ivsrealtime/types"
)

var ctx = context.Background()

func TestTheSDKForGoGoesThroughEveryOperation(t *testing.T) {
	life := life{t, newClient()}
	stage := life.stages()
	life.tags(stage.Arn)
	life.publicKeys()
	life.encoderConfigurations()
	life.storageConfigurations(stage.Arn)
	life.ingestConfigurations(stage.Arn)
	life.participants(stage)
	life.replications(stage)
	must(life.client.DeleteStage(ctx, &ivs.DeleteStageInput{Arn: stage.Arn}))
	listed := must(life.client.ListStages(ctx, &ivs.ListStagesInput{}))
	life.equal(len(listed.Stages), 0)
}

type life struct {
	t      *testing.T
	client *ivs.Client
}

func (l life) equal(got, wanted any) {
	l.t.Helper()
	if !reflect.DeepEqual(got, wanted) {
		l.t.Fatalf("got %v, not %v", got, wanted)
	}
}

func (l life) stages() *types.Stage {
	first := must(l.client.CreateStage(ctx, &ivs.CreateStageInput{
		Name: aws.String("main"), Tags: map[string]string{"team": "video"},
		ParticipantTokenConfigurations: []types.ParticipantTokenConfiguration{
			{UserId: aws.String("ana"), Capabilities: []types.ParticipantTokenCapability{"PUBLISH"}, Duration: aws.Int32(60)},
		},
	}))
	l.equal(*first.ParticipantTokens[0].UserId, "ana")
	made := []*string{first.Stage.Arn}
	for _, name := range []string{"two", "three"} {
		created := must(l.client.CreateStage(ctx, &ivs.CreateStageInput{Name: &name}))
		made = append(made, created.Stage.Arn)
	}
	pages := ivs.NewListStagesPaginator(l.client, &ivs.ListStagesInput{MaxResults: aws.Int32(2)})
	listed := all(pages, func(page *ivs.ListStagesOutput) []types.StageSummary { return page.Stages })
	l.equal(each(listed, func(stage types.StageSummary) *string { return stage.Arn }), made)

	updated := must(l.client.UpdateStage(ctx, &ivs.UpdateStageInput{Arn: made[0], Name: aws.String("main-2")}))
	got := must(l.client.GetStage(ctx, &ivs.GetStageInput{Arn: made[0]}))
	l.equal(got.Stage, updated.Stage)
	refused[*types.ValidationException](l.t, 400)(
		l.client.UpdateStage(ctx, &ivs.UpdateStageInput{Arn: made[0], Name: aws.String("no spaces")}))
	for _, arn := range made[1:] {
		must(l.client.DeleteStage(ctx, &ivs.DeleteStageInput{Arn: arn}))
	}
	refused[*types.ResourceNotFoundException](l.t, 404)(l.client.GetStage(ctx, &ivs.GetStageInput{Arn: made[1]}))
	return updated.Stage
}

func (l life) tags(arn *string) {
	list := func() map[string]string {
		return must(l.client.ListTagsForResource(ctx, &ivs.ListTagsForResourceInput{ResourceArn: arn})).Tags
	}
	must(l.client.TagResource(ctx, &ivs.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"a b": "c/d"}}))
	l.equal(list(), map[string]string{"team": "video", "a b": "c/d"})
	must(l.client.UntagResource(ctx, &ivs.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a b", "team"}}))
	l.equal(list(), map[string]string{})
}

func (l life) publicKeys() {
	var made []*string
	for number := 1; number <= 3; number++ {
		imported := must(l.client.ImportPublicKey(ctx, &ivs.ImportPublicKeyInput{PublicKeyMaterial: material(number)}))
		made = append(made, imported.PublicKey.Arn)
	}
	refused[*types.ConflictException](l.t, 409)(
		l.client.ImportPublicKey(ctx, &ivs.ImportPublicKeyInput{PublicKeyMaterial: material(3)}))
	refused[*types.ServiceQuotaExceededException](l.t, 402)(
		l.client.ImportPublicKey(ctx, &ivs.ImportPublicKeyInput{PublicKeyMaterial: material(4)}))
	got := must(l.client.GetPublicKey(ctx, &ivs.GetPublicKeyInput{Arn: made[0]}))
	l.equal(got.PublicKey.PublicKeyMaterial, material(1))
	pages := ivs.NewListPublicKeysPaginator(l.client, &ivs.ListPublicKeysInput{MaxResults: aws.Int32(2)})
	listed := all(pages, func(page *ivs.ListPublicKeysOutput) []types.PublicKeySummary { return page.PublicKeys })
	l.equal(each(listed, func(key types.PublicKeySummary) *string { return key.Arn }), made)
	for _, arn := range made {
		must(l.client.DeletePublicKey(ctx, &ivs.DeletePublicKeyInput{Arn: arn}))
	}
	refused[*types.ResourceNotFoundException](l.t, 404)(l.client.GetPublicKey(ctx, &ivs.GetPublicKeyInput{Arn: made[0]}))
}

func (l life) encoderConfigurations() {
	video := &types.Video{Width: aws.Int32(640), Height: aws.Int32(360), Framerate: aws.Float32(25), Bitrate: aws.Int32(600_000)}
	var made []*string
	for range 3 {
		created := must(l.client.CreateEncoderConfiguration(ctx, &ivs.CreateEncoderConfigurationInput{Video: video}))
		made = append(made, created.EncoderConfiguration.Arn)
	}
	got := must(l.client.GetEncoderConfiguration(ctx, &ivs.GetEncoderConfigurationInput{Arn: made[0]}))
	l.equal(got.EncoderConfiguration.Video, video)
	pages := ivs.NewListEncoderConfigurationsPaginator(
		l.client, &ivs.ListEncoderConfigurationsInput{MaxResults: aws.Int32(2)})
	listed := all(pages, func(page *ivs.ListEncoderConfigurationsOutput) []types.EncoderConfigurationSummary {
		return page.EncoderConfigurations
	})
	l.equal(each(listed, func(one types.EncoderConfigurationSummary) *string { return one.Arn }), made)
	for _, arn := range made {
		must(l.client.DeleteEncoderConfiguration(ctx, &ivs.DeleteEncoderConfigurationInput{Arn: arn}))
	}
	refused[*types.ResourceNotFoundException](l.t, 404)(
		l.client.GetEncoderConfiguration(ctx, &ivs.GetEncoderConfigurationInput{Arn: made[0]}))
}

func (l life) storageConfigurations(stage *string) {
	create := func(bucket string) (*ivs.CreateStorageConfigurationOutput, error) {
		s3 := &types.S3StorageConfiguration{BucketName: &bucket}
		return l.client.CreateStorageConfiguration(ctx, &ivs.CreateStorageConfigurationInput{S3: s3})
	}
	var made []*string
	for range 3 {
		made = append(made, must(create("recordings")).StorageConfiguration.Arn)
	}
	refused[*types.ResourceNotFoundException](l.t, 404)(create("no-such-bucket"))
	got := must(l.client.GetStorageConfiguration(ctx, &ivs.GetStorageConfigurationInput{Arn: made[0]}))
	l.equal(*got.StorageConfiguration.S3.BucketName, "recordings")
	pages := ivs.NewListStorageConfigurationsPaginator(
		l.client, &ivs.ListStorageConfigurationsInput{MaxResults: aws.Int32(2)})
	listed := all(pages, func(page *ivs.ListStorageConfigurationsOutput) []types.StorageConfigurationSummary {
		return page.StorageConfigurations
	})
	l.equal(each(listed, func(one types.StorageConfigurationSummary) *string { return one.Arn }), made)

	record := func(arn *string) {
		recording := &types.AutoParticipantRecordingConfiguration{StorageConfigurationArn: arn}
		input := &ivs.UpdateStageInput{Arn: stage, AutoParticipantRecordingConfiguration: recording}
		updated := must(l.client.UpdateStage(ctx, input)).Stage.AutoParticipantRecordingConfiguration
		l.equal(updated.StorageConfigurationArn, arn)
	}
	record(made[0])
	refused[*types.ConflictException](l.t, 409)(
		l.client.DeleteStorageConfiguration(ctx, &ivs.DeleteStorageConfigurationInput{Arn: made[0]}))
	record(aws.String(""))
	for _, arn := range made {
		must(l.client.DeleteStorageConfiguration(ctx, &ivs.DeleteStorageConfigurationInput{Arn: arn}))
	}
}

func (l life) ingestConfigurations(stage *string) {
	var made []*string
	for _, input := range []ivs.CreateIngestConfigurationInput{
		{IngestProtocol: types.IngestProtocolRtmps, StageArn: stage},
		{IngestProtocol: types.IngestProtocolRtmps, StageArn: stage},
		{IngestProtocol: types.IngestProtocolRtmp, InsecureIngest: true},
	} {
		made = append(made, must(l.client.CreateIngestConfiguration(ctx, &input)).IngestConfiguration.Arn)
	}
	refused[*types.ValidationException](l.t, 400)(
		l.client.CreateIngestConfiguration(ctx, &ivs.CreateIngestConfigurationInput{IngestProtocol: types.IngestProtocolRtmp}))
	got := must(l.client.GetIngestConfiguration(ctx, &ivs.GetIngestConfigurationInput{Arn: made[0]}))
	l.equal(got.IngestConfiguration.StageArn, stage)
	list := func(input *ivs.ListIngestConfigurationsInput) []*string {
		pages := ivs.NewListIngestConfigurationsPaginator(l.client, input)
		listed := all(pages, func(page *ivs.ListIngestConfigurationsOutput) []types.IngestConfigurationSummary {
			return page.IngestConfigurations
		})
		return each(listed, func(one types.IngestConfigurationSummary) *string { return one.Arn })
	}
	l.equal(list(&ivs.ListIngestConfigurationsInput{MaxResults: aws.Int32(2)}), made)
	l.equal(list(&ivs.ListIngestConfigurationsInput{FilterByStageArn: stage}), made[:2])
	detach := &ivs.UpdateIngestConfigurationInput{Arn: made[0], StageArn: aws.String("")}
	l.equal(*must(l.client.UpdateIngestConfiguration(ctx, detach)).IngestConfiguration.StageArn, "")
	for _, arn := range made {
		must(l.client.DeleteIngestConfiguration(ctx, &ivs.DeleteIngestConfigurationInput{Arn: arn, Force: true}))
	}
	refused[*types.ResourceNotFoundException](l.t, 404)(
		l.client.GetIngestConfiguration(ctx, &ivs.GetIngestConfigurationInput{Arn: made[0]}))
}

func (l life) participants(stage *types.Stage) {
	var tokens []*types.ParticipantToken
	for _, user := range []string{"ana", "ben"} {
		input := &ivs.CreateParticipantTokenInput{StageArn: stage.Arn, UserId: &user}
		tokens = append(tokens, must(l.client.CreateParticipantToken(ctx, input)).ParticipantToken)
	}
	for _, token := range tokens {
		defer join(l.t, stage, *token.Token).Close()
	}
	ana := tokens[0].ParticipantId
	session := l.session(stage.Arn)
	until(l.t, "both are listed", func() bool {
		input := &ivs.ListParticipantsInput{StageArn: stage.Arn, SessionId: session, MaxResults: aws.Int32(1)}
		pages := ivs.NewListParticipantsPaginator(l.client, input)
		return len(all(pages, func(page *ivs.ListParticipantsOutput) []types.ParticipantSummary {
			return page.Participants
		})) == 2
	})
	get := &ivs.GetParticipantInput{StageArn: stage.Arn, SessionId: session, ParticipantId: ana}
	l.equal(must(l.client.GetParticipant(ctx, get)).Participant.State, types.ParticipantStateConnected)
	must(l.client.DisconnectParticipant(ctx, &ivs.DisconnectParticipantInput{StageArn: stage.Arn, ParticipantId: ana}))
	until(l.t, "it has left", func() bool {
		input := &ivs.ListParticipantEventsInput{
			StageArn: stage.Arn, SessionId: session, ParticipantId: ana, MaxResults: aws.Int32(1),
		}
		pages := ivs.NewListParticipantEventsPaginator(l.client, input)
		events := all(pages, func(page *ivs.ListParticipantEventsOutput) []types.Event { return page.Events })
		names := each(events, func(event types.Event) types.EventName { return event.Name })
		return slices.Equal(names, []types.EventName{types.EventNameJoined, types.EventNameLeft})
	})
	get.ParticipantId = aws.String("nobody")
	refused[*types.ResourceNotFoundException](l.t, 404)(l.client.GetParticipant(ctx, get))
}

// publish publishes to a stage until it is killed, by the FFmpeg that the environment names.
func (l life) publish(stage *types.Stage, token *string) *exec.Cmd {
	media := "-re -f lavfi -i testsrc2=size=160x120:rate=10 -f lavfi -i sine -t 120 -pix_fmt yuv420p -c:v libx264 " +
		"-profile:v baseline -preset ultrafast -tune zerolatency -g 10 -b:v 100k -c:a libopus -ar 48000 -ac 2 -f whip -authorization"
	publisher := exec.Command(os.Getenv("WHIP_FFMPEG"), append(strings.Fields(media), *token, *stage.Endpoints.Whip)...)
	if err := publisher.Start(); err != nil {
		l.t.Fatal(err)
	}
	return publisher
}

func (l life) replications(stage *types.Stage) {
	other := must(l.client.CreateStage(ctx, &ivs.CreateStageInput{Name: aws.String("other")})).Stage.Arn
	host := must(l.client.CreateParticipantToken(ctx, &ivs.CreateParticipantTokenInput{StageArn: stage.Arn})).ParticipantToken
	stop := &ivs.StopParticipantReplicationInput{
		SourceStageArn: stage.Arn, DestinationStageArn: other, ParticipantId: host.ParticipantId,
	}
	refused[*types.ResourceNotFoundException](l.t, 404)(l.client.StopParticipantReplication(ctx, stop))
	start := &ivs.StartParticipantReplicationInput{
		SourceStageArn: stage.Arn, DestinationStageArn: other, ParticipantId: host.ParticipantId,
		ReconnectWindowSeconds: aws.Int32(5), Attributes: map[string]string{"seat": "5"},
	}
	refused[*types.ResourceNotFoundException](l.t, 404)(l.client.StartParticipantReplication(ctx, start))
	publisher := l.publish(stage, host.Token)
	defer publisher.Wait()
	defer publisher.Process.Kill()
	until(l.t, "the host publishes and is replicated", func() bool {
		started, err := l.client.StartParticipantReplication(ctx, start)
		return err == nil && *started.XFrameOptions == "DENY"
	})
	refused[*types.ConflictException](l.t, 409)(l.client.StartParticipantReplication(ctx, start))
	for _, state := range []types.ReplicationState{types.ReplicationStateActive, types.ReplicationStateStopped} {
		pages := ivs.NewListParticipantReplicasPaginator(l.client, &ivs.ListParticipantReplicasInput{
			SourceStageArn: stage.Arn, ParticipantId: host.ParticipantId, MaxResults: aws.Int32(1),
		})
		listed := all(pages, func(page *ivs.ListParticipantReplicasOutput) []types.ParticipantReplica { return page.Replicas })
		l.equal(len(listed), 1)
		l.equal(listed[0].DestinationStageArn, other)
		l.equal(listed[0].ReplicationState, state)
		l.equal(*must(l.client.StopParticipantReplication(ctx, stop)).XFrameOptions, "DENY")
	}
	must(l.client.DeleteStage(ctx, &ivs.DeleteStageInput{Arn: other}))
}

// session gives the id of the session that is going on.
func (l life) session(stage *string) *string {
	var sessions []types.StageSessionSummary
	until(l.t, "a session", func() bool {
		pages := ivs.NewListStageSessionsPaginator(l.client, &ivs.ListStageSessionsInput{StageArn: stage})
		sessions = all(pages, func(page *ivs.ListStageSessionsOutput) []types.StageSessionSummary {
			return page.StageSessions
		})
		return len(sessions) > 0
	})
	get := &ivs.GetStageSessionInput{StageArn: stage, SessionId: sessions[0].SessionId}
	if got := must(l.client.GetStageSession(ctx, get)); got.StageSession.EndTime != nil {
		l.t.Fatal("the session has ended")
	}
	get.SessionId = aws.String("st-0123456789abc")
	refused[*types.ResourceNotFoundException](l.t, 404)(l.client.GetStageSession(ctx, get))
	return sessions[0].SessionId
}
