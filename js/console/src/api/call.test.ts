import { expect, test } from 'vitest';

import { openApi, type Send } from './call';
import { ApiError, inWords } from './error';
import { requestOf } from './request';
import { sign, type SignedRequest } from './sign';

const ORIGIN = 'http://localhost:7400';
const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', region: 'us-east-1' };
const NOW = Date.UTC(2015, 7, 30, 12, 36, 0);
const ARN = 'arn:aws:ivs:us-east-1:000000000000:stage/demo';

function answers(...given: [number, string, Record<string, string>?][]): { send: Send; sent: SignedRequest[] } {
  const sent: SignedRequest[] = [];
  const send: Send = async (request) => {
    sent.push(request);
    const [status, body, headers] = given.shift() ?? [500, ''];
    return new Response(body, { status, headers: headers ?? {} });
  };
  return { send, sent };
}

test('operations are posted by their names, with their input as JSON', () => {
  expect(requestOf('CreateStage', { name: 'demo' })).toEqual({ method: 'POST', path: '/CreateStage', query: {}, body: '{"name":"demo"}' });
});

test('tags have their ARN in the path, in one segment, and keys in the query', () => {
  expect(requestOf('ListTagsForResource', { resourceArn: ARN }).path).toBe('/tags/arn%3Aaws%3Aivs%3Aus-east-1%3A000000000000%3Astage%2Fdemo');
  expect(requestOf('TagResource', { resourceArn: ARN, tags: { a: 'b' } }).body).toBe('{"tags":{"a":"b"}}');
  expect(requestOf('UntagResource', { resourceArn: ARN, tagKeys: ['a', 'b'] })).toMatchObject({ method: 'DELETE', query: { tagKeys: ['a', 'b'] } });
});

test('a request is signed for the host as the browser will name it, and never names it itself', async () => {
  const signed = await sign(requestOf('ListStages', {}), ORIGIN, KEYS, new Date(NOW));
  expect(signed.url).toBe(`${ORIGIN}/ListStages`);
  expect(signed.headers['x-amz-date']).toBe('20150830T123600Z');
  expect(signed.headers['authorization']).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20150830\/us-east-1\/ivs\/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, Signature=[0-9a-f]{64}$/,
  );
  expect(signed.headers).not.toHaveProperty('host');
  expect(JSON.stringify(signed)).not.toContain(KEYS.secretAccessKey);
});

test('query keys go out encoded', async () => {
  const signed = await sign(requestOf('UntagResource', { resourceArn: ARN, tagKeys: ['a b', 'ü'] }), ORIGIN, KEYS, new Date(NOW));
  expect(signed.url).toBe(`${ORIGIN}/tags/arn%3Aaws%3Aivs%3Aus-east-1%3A000000000000%3Astage%2Fdemo?tagKeys=a%20b&tagKeys=%C3%BC`);
});

test('a listing is followed to its last page', async () => {
  const { send, sent } = answers([200, '{"stages":[{"arn":"a"}],"nextToken":"n"}'], [200, '{"stages":[{"arn":"b"}]}']);
  const api = openApi(ORIGIN, KEYS, send, () => NOW);
  expect(await api.all('ListStages', {}, (page) => page.stages)).toEqual([{ arn: 'a' }, { arn: 'b' }]);
  expect(sent.map(({ body }) => body)).toEqual(['{"maxResults":100}', '{"maxResults":100,"nextToken":"n"}']);
});

test('a listing without an end is cut off', async () => {
  const page = JSON.stringify({ stages: Array.from({ length: 100 }, () => ({ arn: 'a' })), nextToken: 'n' });
  let asked = 0;
  const send: Send = async () => {
    asked += 1;
    return new Response(page);
  };
  expect(await openApi(ORIGIN, KEYS, send, () => NOW).all('ListStages', {}, (one) => one.stages)).toHaveLength(1000);
  expect(asked).toBe(10);
});

test('where the clocks differ, the request is signed once more with the time of the server', async () => {
  const { send, sent } = answers([403, '{}', { date: new Date(NOW + 3_600_000).toUTCString() }], [200, '{"stages":[]}'], [200, '{"stages":[]}']);
  const api = openApi(ORIGIN, KEYS, send, () => NOW);
  await api.call('ListStages', {});
  await api.call('ListStages', {});
  expect(sent.map(({ headers }) => headers['x-amz-date'])).toEqual(['20150830T123600Z', '20150830T133600Z', '20150830T133600Z']);
});

test('a refusal at the right time is not tried again', async () => {
  const { send, sent } = answers([403, '{"message":"no"}', { date: new Date(NOW).toUTCString(), 'x-amzn-errortype': 'UnrecognizedClientException' }]);
  await expect(openApi(ORIGIN, KEYS, send, () => NOW).call('ListStages', {})).rejects.toMatchObject({ type: 'UnrecognizedClientException', message: 'no' });
  expect(sent).toHaveLength(1);
});

test('errors are typed, and say what to do', async () => {
  const { send } = answers([400, '{"exceptionMessage":"name is too long"}', { 'x-amzn-errortype': 'ValidationException' }]);
  const error: unknown = await openApi(ORIGIN, KEYS, send, () => NOW).call('CreateStage', {}).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ApiError);
  expect(inWords(error)).toEqual({ title: 'The request is not well-formed.', detail: 'name is too long' });
});

test('no answer, and answers of others, are told too', async () => {
  const broken: Send = () => Promise.reject(new TypeError('fetch failed'));
  const error: unknown = await openApi(ORIGIN, KEYS, broken, () => NOW).call('ListStages', {}).catch((caught: unknown) => caught);
  expect(inWords(error).title).toBe('The server cannot be reached. Does it run?');
  const { send } = answers([502, '<html>Bad gateway</html>']);
  const other: unknown = await openApi(ORIGIN, KEYS, send, () => NOW).call('ListStages', {}).catch((caught: unknown) => caught);
  expect(inWords(other)).toEqual({ title: 'The server answered 502.', detail: '' });
});

test('an objection of the page is its own title, a fault of the program is not', () => {
  expect(inWords(new Error('Tags: “x” has to be key=value.'))).toEqual({ title: 'Tags: “x” has to be key=value.', detail: '' });
  expect(inWords(new TypeError('x is undefined'))).toEqual({ title: 'Something went wrong.', detail: 'x is undefined' });
});
