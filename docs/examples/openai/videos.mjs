// SPDX-License-Identifier: Apache-2.0
// The videos calls of OpenAI's own client against lvsa serve:
//
//   npm ci && SERVER=http://127.0.0.1:8098 node videos.mjs PROMPT OUT.mp4 [SIZE] [PICTURE.png]
//
// With a picture, for models that take one, a video begins with it: sent as a data URL, and once more as a file.
import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import OpenAI from 'openai';

const [prompt, out, size = '832x480', picture] = process.argv.slice(2);
const client = new OpenAI({
  baseURL: (process.env.SERVER ?? 'http://127.0.0.1:8098') + '/v1',
  apiKey: process.env.API_KEY ?? 'none',
  maxRetries: 3,
});

const models = await client.models.list();
const model = models.data[0].id;
const wish = { model, prompt, size, seconds: '1' };
if (picture) {
  const url = 'data:image/png;base64,' + (await readFile(picture)).toString('base64');
  wish.input_reference = { image_url: url };
}
let video = await client.videos.create(wish);
assert.equal(video.object, 'video');
assert.equal(video.model, model);
assert.ok(['queued', 'in_progress'].includes(video.status), video.status);
while (video.status === 'queued' || video.status === 'in_progress') {
  await new Promise(done => setTimeout(done, 200));
  video = await client.videos.retrieve(video.id);
  console.log(video.status, video.progress, '%');
}
assert.equal(video.status, 'completed', JSON.stringify(video.error));
assert.equal(video.progress, 100);
assert.ok(video.completed_at >= video.created_at && video.expires_at > video.completed_at);

const content = await client.videos.downloadContent(video.id);
assert.equal(content.headers.get('content-type'), 'video/mp4');
await writeFile(out, Buffer.from(await content.arrayBuffer()));

const ids = [];
for await (const one of client.videos.list({ limit: 1 })) ids.push(one.id);
assert.ok(ids.includes(video.id), 'the pages of the list have the video');
assert.equal((await client.videos.delete(video.id)).deleted, true);
await assert.rejects(client.videos.retrieve(video.id), error => {
  assert.ok(error instanceof OpenAI.NotFoundError);
  assert.equal(error.code, 'not_found');
  return true;
});
await assert.rejects(client.videos.create({ model, prompt: '' }), OpenAI.UnprocessableEntityError);

if (picture) {
  const another = await client.videos.create({ ...wish, input_reference: createReadStream(picture) });
  assert.equal((await client.videos.delete(another.id)).deleted, true);
} else {
  const pictures = await client.images.generate({ model, prompt, size });
  assert.deepEqual([...Buffer.from(pictures.data[0].b64_json, 'base64').subarray(1, 4)], [...Buffer.from('PNG')]);
}
console.log(out + ': written');
