// How much of the program has arrived, for the bar that is there before it.

export default function progress() {
  const bar = document.getElementById('progress');
  return {
    onProgress: ({ current, total }) => {
      if (bar && total) bar.style.setProperty('--loaded', Math.min(1, current / total));
    },
    onFailure: (error) => {
      const box = document.getElementById('panic');
      if (!box) return;
      document.getElementById('panic-message').textContent = String(error);
      box.hidden = false;
    },
  };
}
