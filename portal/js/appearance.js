// The theme: the system's, or the one that was chosen and is kept in this browser.

/** @typedef {"system"|"light"|"dark"} Theme */

const KEY = "hublet.theme";

/** @returns {Theme} */
export function theme() {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

/** @param {Theme} chosen */
export function setTheme(chosen) {
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  try {
    if (chosen === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, chosen);
  } catch {
    // It then holds until the page is closed.
  }
}

/** Goes to the next theme, and says which it is. */
export function nextTheme() {
  /** @type {Record<Theme, Theme>} */
  const order = { system: "light", light: "dark", dark: "system" };
  const next = order[theme()];
  setTheme(next);
  return next;
}
