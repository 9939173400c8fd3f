// The AWS SDK for JavaScript v3 through every operation of this build, as an application would go: one life, from the first stage to
// the last. Endpoint, region and keys are those that a server's banner exports; nobody else calls that server.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'

import * as ivs from '@aws-sdk/client-ivs-realtime'

const client = new ivs.IVSRealTimeClient({ maxAttempts: 1 })
after(() => client.destroy())

/** Calls an operation: `call('GetStage', { arn })`. */
const call = (operation, input = {}) => client.send(new ivs[`${operation}Command`](input))

/** All items of a list, by the SDK's paginator, which writes its place into the input that it is given. */
async function all(operation, member, pageSize, input = {}) {
  const items = []
  for await (const page of ivs[`paginate${operation}`]({ client, pageSize }, { ...input })) {
    assert.ok(page[member].length <= pageSize)
    items.push(...page[member])
  }
  return items
}

/** The call ends with the typed exception. */
async function fails(exception, status, operation, input) {
  await assert.rejects(call(operation, input), (error) => {
    assert.ok(error instanceof ivs[exception], String(error))
    assert.equal(error.$metadata.httpStatusCode, status)
    assert.ok(error.exceptionMessage)
    return true
  })
}

/** Asks until the answer is there: what sockets do is written a moment after it is done. */
async function until(what, ask) {
  for (let tries = 0; tries < 1_200; tries += 1) {
    const found = await ask()
    if (found) return found
    await wait(50)
  }
  throw new Error(`not within a minute: ${what}`)
}

/** Joins a stage without media; resolves with the socket when the stage's first snapshot has come. */
function join(stage, token) {
  const url = `${stage.endpoints.events.replace(/^ws/, 'http')}/${stage.arn.split('/')[1]}`
  const headers = {
    Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol': token,
  }
  return new Promise((resolve, reject) => {
    const request = http.get(url, { headers })
    request.on('error', reject)
    request.on('response', ({ statusCode }) => reject(new Error(`the socket was refused: ${statusCode}`)))
    request.on('upgrade', (_, socket, head) => {
      let seen = head.toString()
      const look = (chunk) => {
        seen += chunk
        if (seen.includes('STAGE_STATE')) resolve(socket)
      }
      socket.on('data', look)
      look('')
    })
  })
}

const arns = (items) => items.map(({ arn }) => arn)
const material = (number) => readFileSync(new URL(`../keys/${number}.pem`, import.meta.url), 'utf8')

async function stages() {
  const first = await call('CreateStage', {
    name: 'main', tags: { team: 'video' },
    participantTokenConfigurations: [{ userId: 'ana', capabilities: ['PUBLISH'], duration: 60 }],
  })
  assert.equal(first.participantTokens[0].userId, 'ana')
  assert.ok(first.participantTokens[0].expirationTime instanceof Date)
  const others = [await call('CreateStage', { name: 'two' }), await call('CreateStage', { name: 'three' })]
  const made = [first, ...others].map(({ stage }) => stage)
  assert.deepEqual(arns(await all('ListStages', 'stages', 2)), arns(made))
  const { arn } = first.stage
  const { stage } = await call('UpdateStage', { arn, name: 'main-2' })
  assert.deepEqual((await call('GetStage', { arn })).stage, stage)
  await fails('ValidationException', 400, 'UpdateStage', { arn, name: 'no spaces' })
  for (const { arn } of made.slice(1)) await call('DeleteStage', { arn })
  await fails('ResourceNotFoundException', 404, 'GetStage', { arn: made[1].arn })
  return stage
}

async function tags(resourceArn) {
  await call('TagResource', { resourceArn, tags: { 'a b': 'c/d' } })
  const listed = await call('ListTagsForResource', { resourceArn })
  assert.deepEqual(listed.tags, { team: 'video', 'a b': 'c/d' })
  await call('UntagResource', { resourceArn, tagKeys: ['a b', 'team'] })
  assert.deepEqual((await call('ListTagsForResource', { resourceArn })).tags, {})
}

async function publicKeys() {
  const made = []
  for (const number of [1, 2, 3]) {
    const imported = await call('ImportPublicKey', { name: `key-${number}`, publicKeyMaterial: material(number) })
    made.push(imported.publicKey)
  }
  await fails('ConflictException', 409, 'ImportPublicKey', { publicKeyMaterial: material(3) })
  await fails('ServiceQuotaExceededException', 402, 'ImportPublicKey', { publicKeyMaterial: material(4) })
  const [{ arn }] = made
  assert.deepEqual((await call('GetPublicKey', { arn })).publicKey, made[0])
  assert.deepEqual(arns(await all('ListPublicKeys', 'publicKeys', 2)), arns(made))
  for (const { arn } of made) await call('DeletePublicKey', { arn })
  await fails('ResourceNotFoundException', 404, 'GetPublicKey', { arn })
}

async function encoderConfigurations() {
  const video = { width: 640, height: 360, framerate: 25, bitrate: 600_000 }
  const made = []
  for (const name of ['a', 'b', 'c']) {
    made.push((await call('CreateEncoderConfiguration', { name, video })).encoderConfiguration)
  }
  const [{ arn }] = made
  const got = await call('GetEncoderConfiguration', { arn })
  assert.deepEqual(got.encoderConfiguration, { arn, name: 'a', tags: {}, video })
  assert.deepEqual(arns(await all('ListEncoderConfigurations', 'encoderConfigurations', 2)), arns(made))
  for (const { arn } of made) await call('DeleteEncoderConfiguration', { arn })
  await fails('ResourceNotFoundException', 404, 'GetEncoderConfiguration', { arn })
}

async function storageConfigurations(stage) {
  const s3 = { bucketName: 'recordings' }
  const made = []
  for (const name of ['a', 'b', 'c']) {
    made.push((await call('CreateStorageConfiguration', { name, s3 })).storageConfiguration)
  }
  const [{ arn }] = made
  await fails('ResourceNotFoundException', 404, 'CreateStorageConfiguration', { s3: { bucketName: 'no-such-bucket' } })
  assert.deepEqual((await call('GetStorageConfiguration', { arn })).storageConfiguration, made[0])
  assert.deepEqual(arns(await all('ListStorageConfigurations', 'storageConfigurations', 2)), arns(made))
  const record = async (storageConfigurationArn) => {
    const updated = await call('UpdateStage', { arn: stage, autoParticipantRecordingConfiguration: { storageConfigurationArn } })
    const recording = updated.stage.autoParticipantRecordingConfiguration
    assert.equal(recording.storageConfigurationArn, storageConfigurationArn)
  }
  await record(arn)
  await fails('ConflictException', 409, 'DeleteStorageConfiguration', { arn })
  await record('')
  for (const { arn } of made) await call('DeleteStorageConfiguration', { arn })
}

async function ingestConfigurations(stageArn) {
  const made = []
  for (const input of [
    { ingestProtocol: 'RTMPS', stageArn }, { ingestProtocol: 'RTMPS', stageArn },
    { ingestProtocol: 'RTMP', insecureIngest: true },
  ]) {
    made.push((await call('CreateIngestConfiguration', input)).ingestConfiguration)
  }
  await fails('ValidationException', 400, 'CreateIngestConfiguration', { ingestProtocol: 'RTMP' })
  const [{ arn }] = made
  assert.deepEqual((await call('GetIngestConfiguration', { arn })).ingestConfiguration, made[0])
  assert.deepEqual(arns(await all('ListIngestConfigurations', 'ingestConfigurations', 2)), arns(made))
  const ofStage = await all('ListIngestConfigurations', 'ingestConfigurations', 50, { filterByStageArn: stageArn })
  assert.deepEqual(arns(ofStage), arns(made.slice(0, 2)))
  const updated = await call('UpdateIngestConfiguration', { arn, stageArn: '' })
  assert.deepEqual(updated.ingestConfiguration, { ...made[0], stageArn: '' })
  for (const { arn } of made) await call('DeleteIngestConfiguration', { arn, force: true })
  await fails('ResourceNotFoundException', 404, 'GetIngestConfiguration', { arn })
}

async function participants(stage) {
  const stageArn = stage.arn
  const tokens = []
  for (const userId of ['ana', 'ben']) {
    const created = await call('CreateParticipantToken', { stageArn, userId, attributes: { seat: '4' } })
    tokens.push(created.participantToken)
  }
  const [{ participantId }] = tokens
  const sockets = await Promise.all(tokens.map(({ token }) => join(stage, token)))
  const [session] = await until('a session', async () => {
    const sessions = await all('ListStageSessions', 'stageSessions', 1, { stageArn })
    return sessions.length > 0 && sessions
  })
  const there = { stageArn, sessionId: session.sessionId }
  const { stageSession } = await call('GetStageSession', there)
  assert.ok(stageSession.startTime instanceof Date)
  assert.equal(stageSession.endTime, undefined)
  await until('both are listed', async () => (await all('ListParticipants', 'participants', 1, there)).length === 2)
  const { participant } = await call('GetParticipant', { ...there, participantId })
  assert.equal(participant.state, 'CONNECTED')
  assert.deepEqual(participant.attributes, { seat: '4' })
  await call('DisconnectParticipant', { stageArn, participantId, reason: 'the show is over' })
  await until('it has left', async () => {
    const events = await all('ListParticipantEvents', 'events', 1, { ...there, participantId })
    return events.map(({ name }) => name).join() === 'JOINED,LEFT'
  })
  for (const socket of sockets) socket.destroy()
  await fails('ResourceNotFoundException', 404, 'GetParticipant', { ...there, participantId: 'nobody' })
  await fails('ResourceNotFoundException', 404, 'GetStageSession', { stageArn, sessionId: 'st-0123456789abc' })
}

/** Publishes to a stage until it is killed, by the FFmpeg that the environment names. */
function publish(stage, token) {
  const media = '-re -f lavfi -i testsrc2=size=160x120:rate=10 -f lavfi -i sine -t 120 -pix_fmt yuv420p -c:v libx264 '
    + '-profile:v baseline -preset ultrafast -tune zerolatency -g 10 -b:v 100k -c:a libopus -ar 48000 -ac 2 -f whip -authorization'
  return spawn(process.env.WHIP_FFMPEG, [...media.split(' '), token, stage.endpoints.whip], { stdio: 'ignore' })
}

async function replications(stage) {
  const sourceStageArn = stage.arn
  const { stage: { arn: destinationStageArn } } = await call('CreateStage', { name: 'other' })
  const { participantToken: { participantId, token } } = await call('CreateParticipantToken', { stageArn: sourceStageArn })
  const key = { sourceStageArn, destinationStageArn, participantId }
  for (const operation of ['StartParticipantReplication', 'StopParticipantReplication']) {
    await fails('ResourceNotFoundException', 404, operation, key)
  }
  const publisher = publish(stage, token)
  try {
    const start = () => call('StartParticipantReplication', { ...key, reconnectWindowSeconds: 5, attributes: { seat: '5' } })
    const started = await until('the host publishes and is replicated', () => start().catch((error) => {
      assert.ok(error instanceof ivs.ResourceNotFoundException || error instanceof ivs.ConflictException, String(error))
    }))
    assert.equal(started.xFrameOptions, 'DENY')
    await fails('ConflictException', 409, 'StartParticipantReplication', key)
    for (const state of ['ACTIVE', 'STOPPED']) {
      const listed = await all('ListParticipantReplicas', 'replicas', 1, { sourceStageArn, participantId })
      assert.deepEqual(listed.map((each) => [each.destinationStageArn, each.replicationState]), [[destinationStageArn, state]])
      assert.equal((await call('StopParticipantReplication', key)).xFrameOptions, 'DENY')
    }
  } finally {
    publisher.kill('SIGKILL')
  }
  await call('DeleteStage', { arn: destinationStageArn })
}

test('the SDK for JavaScript goes through every operation', async () => {
  const stage = await stages()
  await tags(stage.arn)
  await publicKeys()
  await encoderConfigurations()
  await storageConfigurations(stage.arn)
  await ingestConfigurations(stage.arn)
  await participants(stage)
  await replications(stage)
  await call('DeleteStage', { arn: stage.arn })
  assert.deepEqual((await call('ListStages')).stages, [])
})
