// SPDX-License-Identifier: Apache-2.0
'use strict';

const form = document.getElementById('form');
const message = document.getElementById('message');
const list = document.getElementById('jobs');
const views = new Map(); // id → its view, for as long as the page is open

function headers(more = {}) {
  const key = form.elements.key.value;
  return key ? { ...more, Authorization: 'Bearer ' + key } : more;
}

async function call(method, path, body) {
  const answer = await fetch(path, { method, body, headers: headers() });
  const json = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const wait = answer.headers.get('Retry-After');
    throw new Error((json.error?.message ?? 'HTTP status ' + answer.status) + (wait ? ` (in about ${wait} s)` : ''));
  }
  return json;
}

function element(name, text, parent) {
  const made = document.createElement(name);
  made.textContent = text;
  parent.append(made);
  return made;
}

// What is filled in, as the API's form; attention is a field of the object lvsa.
function request(attention, seed) {
  const data = new FormData();
  for (const name of ['prompt', 'negative_prompt', 'size', 'num_frames', 'fps', 'num_inference_steps', 'guidance_scale']) {
    const value = form.elements[name].value.trim();
    if (value) data.append(name, value);
  }
  if (seed !== '') data.append('seed', seed);
  for (const name of ['input_reference', 'last_image']) {
    const file = form.elements[name].files[0];
    if (file) data.append(name, file);
  }
  const lvsa = {};
  if (attention) lvsa.attention = attention;
  if (form.elements.sparsity_scale.value) lvsa.sparsity_scale = Number(form.elements.sparsity_scale.value);
  if (form.elements.rotate.checked) lvsa.rotate_keyframes = true;
  if (Object.keys(lvsa).length) data.append('lvsa', JSON.stringify(lvsa));
  return data;
}

form.addEventListener('submit', async event => {
  event.preventDefault();
  message.textContent = '';
  const attention = form.elements.attention.value;
  const both = attention === 'both';
  // Two videos can be compared only if they begin with the same noise.
  const seed = form.elements.seed.value || (both ? String(Math.floor(Math.random() * 2 ** 31)) : '');
  try {
    const jobs = [];
    for (const one of both ? ['dense', 'lvsa'] : [attention]) {
      jobs.push(await call('POST', 'v1/videos', request(one, seed)));
    }
    show(jobs);
  } catch (error) {
    message.textContent = error.message;
  }
});

// A frame around jobs that belong together.
function show(jobs, atEnd = false) {
  const pair = document.createElement('article');
  pair.className = 'pair';
  element('h2', jobs[0].prompt, pair);
  const columns = element('div', '', pair);
  columns.className = 'columns';
  if (atEnd) list.append(pair); else list.prepend(pair);
  for (const job of jobs) {
    const box = element('div', '', columns);
    box.className = 'job';
    const view = {
      box,
      id: job.id,
      facts: element('p', '', box),
      progress: element('progress', '', box),
      state: element('p', '', box),
      remove: element('button', 'Remove', box),
    };
    view.progress.max = 100;
    view.remove.type = 'button';
    view.remove.addEventListener('click', () => remove(view, pair));
    views.set(job.id, view);
    update(view, job);
  }
}

async function remove(view, pair) {
  try {
    await call('DELETE', 'v1/videos/' + view.id);
    views.delete(view.id);
    if (view.url) URL.revokeObjectURL(view.url);
    view.box.remove();
    if (!pair.querySelector('.job')) pair.remove();
  } catch (error) {
    view.state.textContent = error.message;
  }
}

function update(view, job) {
  const lvsa = job.lvsa;
  const attention = lvsa.attention ?? lvsa.requested.attention ?? '';
  view.box.dataset.status = job.status;
  view.box.dataset.progress = job.progress;
  view.facts.textContent = [attention, job.size, job.num_frames + ' frames', job.num_inference_steps + ' steps', 'seed ' + job.seed]
    .filter(Boolean).join(', ');
  view.progress.value = job.progress;
  view.progress.hidden = job.status === 'completed' || job.status === 'failed';
  view.state.className = job.status;
  view.state.textContent = job.status === 'failed' ? 'failed: ' + job.error.message
    : job.status === 'completed' ? `density ${lvsa.density.toFixed(3)}, ${lvsa.kernel}, ${job.inference_time_s.toFixed(1)} s`
    : job.status === 'queued' ? 'queued' : job.progress + ' %';
  const notes = [...job.notes, ...(lvsa.fallbacks ?? [])].join('; ');
  if (notes) view.state.textContent += ' (' + notes + ')';
  if (job.status === 'completed' && !view.video) play(view);
}

// Fetched here and not by the video itself, which could not send the API key.
async function play(view) {
  view.video = document.createElement('video');
  view.video.controls = true;
  view.video.loop = true;
  view.video.muted = true;
  view.box.insertBefore(view.video, view.remove);
  try {
    const answer = await fetch('v1/videos/' + view.id + '/content', { headers: headers() });
    if (!answer.ok) throw new Error('HTTP status ' + answer.status);
    view.url = URL.createObjectURL(await answer.blob());
    view.video.src = view.url;
    view.video.addEventListener('playing', () => { view.box.dataset.playing = 'yes'; }, { once: true });
    await view.video.play();
  } catch (error) {
    view.state.textContent += ' (' + error.message + ')';
  }
}

async function refresh() {
  const waiting = [...views.values()].filter(view => !['completed', 'failed'].includes(view.box.dataset.status));
  for (const view of waiting) {
    try {
      update(view, await call('GET', 'v1/videos/' + view.id));
    } catch (error) {
      view.state.textContent = error.message;
    }
  }
  setTimeout(refresh, waiting.length ? 500 : 1500);
}

async function begin() {
  try {
    const [models, version] = await Promise.all([call('GET', 'v1/models'), call('GET', 'version')]);
    document.getElementById('server').textContent = models.data[0].id + ', lvsa ' + version.version;
    const known = await call('GET', 'v1/videos?limit=20');
    for (const job of known.data) if (!views.has(job.id)) show([job], true);
  } catch (error) {
    document.getElementById('server').textContent = error.message;
  }
}

form.elements.key.addEventListener('change', begin);
begin();
refresh();
