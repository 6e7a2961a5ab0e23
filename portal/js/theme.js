// @ts-check
// Runs before the page is drawn, so that a chosen theme does not flash. The rest is in appearance.js.
{
  let chosen = null;
  try {
    chosen = localStorage.getItem("hublet.theme");
  } catch {
    // Storage may be forbidden: the system's theme is as good.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
