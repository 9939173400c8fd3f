// The shapes of the control API that the console uses; docs/api.md is the reference.

export type Tags = Readonly<Record<string, string>>;
export type Attributes = Readonly<Record<string, string>>;
export type Capability = 'PUBLISH' | 'SUBSCRIBE';

export interface StageSummary {
  readonly arn: string;
  readonly name?: string;
  readonly activeSessionId?: string;
  readonly tags?: Tags;
}

export interface Stage extends StageSummary {
  readonly endpoints?: { readonly events?: string; readonly rtmp?: string; readonly rtmps?: string; readonly whip?: string };
  readonly autoParticipantRecordingConfiguration?: { readonly storageConfigurationArn: string };
}

export interface StageSession {
  readonly sessionId: string;
  readonly startTime?: string;
  readonly endTime?: string;
}

export type ReplicationState = 'ACTIVE' | 'STOPPED';

export interface ParticipantSummary {
  readonly participantId: string;
  readonly userId?: string;
  readonly state?: 'CONNECTED' | 'DISCONNECTED';
  readonly firstJoinTime?: string;
  readonly published?: boolean;
  readonly ingestConfigurationArn?: string;
  readonly redundantIngest?: boolean;
  readonly replicationType?: 'SOURCE' | 'REPLICA' | 'NONE';
  readonly replicationState?: ReplicationState;
  /** Of replicas only. */
  readonly sourceStageArn?: string;
  readonly sourceSessionId?: string;
}

export interface Participant extends ParticipantSummary {
  readonly attributes?: Attributes;
  readonly browserName?: string;
  readonly browserVersion?: string;
  readonly osName?: string;
  readonly osVersion?: string;
  readonly ispName?: string;
  readonly sdkVersion?: string;
  readonly protocol?: 'UNKNOWN' | 'WHIP' | 'RTMP' | 'RTMPS';
}

export interface ExchangedToken {
  readonly attributes?: Attributes;
  readonly capabilities?: readonly Capability[];
  readonly expirationTime?: string;
  readonly userId?: string;
}

export interface ParticipantEvent {
  readonly name: string;
  readonly eventTime: string;
  readonly participantId?: string;
  readonly remoteParticipantId?: string;
  readonly errorCode?: string;
  /** About the participant, or, of a subscription, about the remote one. */
  readonly replica?: boolean;
  /** Of a replication: where to. */
  readonly destinationStageArn?: string;
  readonly destinationSessionId?: string;
  readonly previousToken?: ExchangedToken;
  readonly newToken?: ExchangedToken;
}

export interface ParticipantReplica {
  readonly sourceStageArn: string;
  readonly sourceSessionId: string;
  readonly participantId: string;
  readonly destinationStageArn: string;
  readonly destinationSessionId: string;
  readonly replicationState: ReplicationState;
}

export interface ParticipantToken {
  readonly participantId: string;
  readonly token: string;
  readonly userId?: string;
  readonly capabilities?: readonly Capability[];
  readonly duration?: number;
  readonly expirationTime?: string;
}

export interface PublicKeySummary {
  readonly arn: string;
  readonly name?: string;
  readonly tags?: Tags;
}

export interface PublicKey extends PublicKeySummary {
  readonly fingerprint?: string;
  readonly publicKeyMaterial?: string;
}

export type IngestProtocol = 'RTMP' | 'RTMPS';

export interface IngestConfigurationSummary {
  readonly arn: string;
  readonly name: string;
  readonly ingestProtocol: IngestProtocol;
  readonly participantId: string;
  readonly stageArn: string;
  readonly state: 'ACTIVE' | 'INACTIVE';
  readonly redundantIngest?: boolean;
  readonly userId?: string;
}

export interface IngestConfiguration extends IngestConfigurationSummary {
  readonly streamKey: string;
  readonly redundantIngestCredentials?: readonly { readonly participantId?: string; readonly streamKey?: string }[];
  readonly attributes?: Attributes;
  readonly tags?: Tags;
}

export interface Video {
  readonly width?: number;
  readonly height?: number;
  readonly framerate?: number;
  readonly bitrate?: number;
}

export interface EncoderConfigurationSummary {
  readonly arn: string;
  readonly name?: string;
  readonly tags?: Tags;
}

export interface EncoderConfiguration extends EncoderConfigurationSummary {
  readonly video?: Video;
}

export interface StorageConfiguration {
  readonly arn: string;
  readonly name?: string;
  readonly s3?: { readonly bucketName: string };
  readonly tags?: Tags;
}

interface Paged {
  readonly maxResults?: number;
  readonly nextToken?: string;
}

type Empty = Readonly<Record<string, never>>;

interface SessionRef {
  readonly stageArn: string;
  readonly sessionId: string;
}

/** A replication: who, from where to where. */
export interface ReplicationRef {
  readonly sourceStageArn: string;
  readonly destinationStageArn: string;
  readonly participantId: string;
}

/** What each operation takes and gives. */
export interface Operations {
  CreateStage: { input: { name?: string; tags?: Tags }; output: { stage: Stage } };
  GetStage: { input: { arn: string }; output: { stage: Stage } };
  UpdateStage: { input: { arn: string; name?: string }; output: { stage: Stage } };
  DeleteStage: { input: { arn: string }; output: Empty };
  ListStages: { input: Paged; output: { stages: StageSummary[]; nextToken?: string } };
  GetStageSession: { input: SessionRef; output: { stageSession: StageSession } };
  ListStageSessions: { input: { stageArn: string } & Paged; output: { stageSessions: StageSession[]; nextToken?: string } };
  ListParticipants: { input: SessionRef & { filterByState?: 'CONNECTED' | 'DISCONNECTED' } & Paged; output: { participants: ParticipantSummary[]; nextToken?: string } };
  GetParticipant: { input: SessionRef & { participantId: string }; output: { participant: Participant } };
  ListParticipantEvents: { input: SessionRef & { participantId: string } & Paged; output: { events: ParticipantEvent[]; nextToken?: string } };
  DisconnectParticipant: { input: { stageArn: string; participantId: string; reason?: string }; output: Empty };
  StartParticipantReplication: { input: ReplicationRef & { reconnectWindowSeconds?: number; attributes?: Attributes }; output: Empty };
  StopParticipantReplication: { input: ReplicationRef; output: Empty };
  ListParticipantReplicas: {
    input: { sourceStageArn: string; participantId: string } & Paged;
    output: { replicas: ParticipantReplica[]; nextToken?: string };
  };
  CreateParticipantToken: {
    input: { stageArn: string; userId?: string; attributes?: Attributes; capabilities?: Capability[]; duration?: number };
    output: { participantToken: ParticipantToken };
  };
  ImportPublicKey: { input: { publicKeyMaterial: string; name?: string; tags?: Tags }; output: { publicKey: PublicKey } };
  GetPublicKey: { input: { arn: string }; output: { publicKey: PublicKey } };
  ListPublicKeys: { input: Paged; output: { publicKeys: PublicKeySummary[]; nextToken?: string } };
  DeletePublicKey: { input: { arn: string }; output: Empty };
  CreateIngestConfiguration: {
    input: {
      ingestProtocol: IngestProtocol;
      name?: string;
      stageArn?: string;
      userId?: string;
      attributes?: Attributes;
      insecureIngest?: boolean;
      redundantIngest?: boolean;
      tags?: Tags;
    };
    output: { ingestConfiguration: IngestConfiguration };
  };
  GetIngestConfiguration: { input: { arn: string }; output: { ingestConfiguration: IngestConfiguration } };
  UpdateIngestConfiguration: { input: { arn: string; stageArn?: string }; output: { ingestConfiguration: IngestConfiguration } };
  ListIngestConfigurations: {
    input: { filterByStageArn?: string } & Paged;
    output: { ingestConfigurations: IngestConfigurationSummary[]; nextToken?: string };
  };
  DeleteIngestConfiguration: { input: { arn: string; force?: boolean }; output: Empty };
  CreateEncoderConfiguration: { input: { name?: string; video?: Video; tags?: Tags }; output: { encoderConfiguration: EncoderConfiguration } };
  GetEncoderConfiguration: { input: { arn: string }; output: { encoderConfiguration: EncoderConfiguration } };
  ListEncoderConfigurations: { input: Paged; output: { encoderConfigurations: EncoderConfigurationSummary[]; nextToken?: string } };
  DeleteEncoderConfiguration: { input: { arn: string }; output: Empty };
  CreateStorageConfiguration: { input: { name?: string; s3: { bucketName: string }; tags?: Tags }; output: { storageConfiguration: StorageConfiguration } };
  ListStorageConfigurations: { input: Paged; output: { storageConfigurations: StorageConfiguration[]; nextToken?: string } };
  DeleteStorageConfiguration: { input: { arn: string }; output: Empty };
  ListTagsForResource: { input: { resourceArn: string }; output: { tags: Tags } };
  TagResource: { input: { resourceArn: string; tags: Tags }; output: Empty };
  UntagResource: { input: { resourceArn: string; tagKeys: string[] }; output: Empty };
}

export type OperationName = keyof Operations;
export type Input<Name extends OperationName> = Operations[Name]['input'];
export type Output<Name extends OperationName> = Operations[Name]['output'];

/** The operations that give pages. */
export type Listing = { [Name in OperationName]: Output<Name> extends { nextToken?: string } ? (Input<Name> extends Paged ? Name : never) : never }[OperationName];
