// Everything from the cache when there is no network.
//
// A version is a start page with the files that it names: their names carry a hash of their content.
// The start page comes from the network whenever there is one; a new one is taken with all of its
// files or not at all, so that no page ever runs with another version's program. Only then is the
// old version forgotten. The work of a visitor is in the address and in the browser's storage, which
// no update touches.

const PREFIX = 'shimscope-';
const START = new URL('./', self.location).href;

/** The files that a start page names, on this origin. */
function named(html) {
  const files = new Set(['manifest.webmanifest']);
  for (const [path] of html.matchAll(/(?<=["'=(])[\w./-]+\.(?:m?js|wasm|woff2|svg|css|webmanifest)(?=["')\s>])/g)) {
    files.add(path);
  }
  return [...files].map((path) => new URL(path, START)).filter((url) => url.origin === self.location.origin);
}

/** A short name for a text. */
async function digest(text) {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(bytes).slice(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Keeps the lessons, which the page names by their list only. */
async function keepLessons(cache) {
  const index = new URL('lessons/index.yaml', START);
  const list = await fetch(index);
  if (!list.ok) return;
  const names = [...(await list.clone().text()).matchAll(/^- id: ([\w-]+)/gm)].map(([, name]) => name);
  await cache.put(index, list);
  await cache.addAll(names.map((name) => new URL(`lessons/${name}.yaml`, START)));
}

/** Keeps a start page with all that it names; forgets every other version. */
async function keep(response) {
  const html = await response.clone().text();
  const name = PREFIX + (await digest(html));
  if (!(await caches.has(name))) {
    const cache = await caches.open(name);
    try {
      await Promise.all(
        named(html).map(async (url) => {
          const file = await fetch(url);
          if (file.ok) await cache.put(url, file);
          else throw new Error(`${url} is not there`);
        }),
      );
      await keepLessons(cache);
    } catch (error) {
      await caches.delete(name);
      throw error;
    }
    await cache.put(START, new Response(html, { headers: response.headers }));
  }
  for (const old of await caches.keys()) {
    if (old.startsWith(PREFIX) && old !== name) await caches.delete(old);
  }
}

async function start(event) {
  try {
    const response = await fetch(event.request);
    if (response.ok) event.waitUntil(keep(response.clone()).catch(() => {}));
    return response;
  } catch (error) {
    const kept = await caches.match(START);
    if (kept) return kept;
    throw error;
  }
}

/** A file whose name says its content comes from the cache; any other from the network first. */
async function file(request) {
  const hashed = /\/[0-9a-f]{16}-|-[0-9a-f]{8,}(_bg)?\.\w+$/.test(new URL(request.url).pathname);
  const kept = await caches.match(request, { ignoreSearch: true });
  if (kept && hashed) return kept;
  try {
    const response = await fetch(request);
    if (response.ok) {
      const [name] = (await caches.keys()).filter((known) => known.startsWith(PREFIX));
      if (name) await (await caches.open(name)).put(request, response.clone());
    }
    return response;
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

self.addEventListener('install', (event) => {
  event.waitUntil(fetch(START).then(keep).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || new URL(request.url).origin !== self.location.origin) return;
  event.respondWith(request.mode === 'navigate' ? start(event) : file(request));
});
