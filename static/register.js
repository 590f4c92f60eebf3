// The page works without a network after the first visit. A browser that forbids it still shows the page.
if ('serviceWorker' in navigator) {
  addEventListener('load', () => navigator.serviceWorker.register('sw.js').catch(() => {}));
}
