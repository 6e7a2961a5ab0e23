// From the hash of the address to a page: `#/trace?hub=chat` is the page "trace" with the parameter hub.
import { h, replace } from "./dom.js";
import { ROUTES } from "./routes.js";
import { loading } from "./components/states.js";
import { icon } from "./icons.js";
import { messageOf } from "./api.js";
import { mayLeave } from "./leaving.js";

/**
 * What a page gets.
 * @typedef {object} Context
 * @property {URLSearchParams} params the query of the hash
 * @property {string[]} path what stands behind the page's name, decoded: `#/hubs/chat` has ["chat"]
 * @property {AbortSignal} signal aborted when the page is left: give it to calls, polls and listeners
 * @property {(params: Record<string, string|string[]|null|undefined>) => void} setParams
 *   writes these parameters into the address, without going anywhere; empty ones are removed
 */

/** @typedef {{ render: (context: Context) => Element|Promise<Element> }} PageModule */

/** @type {AbortController} */
let left = new AbortController();

/** The page and what stands behind its name, of a hash. @param {string} hash */
export function parse(hash) {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [name, ...rest] = path.split("/").map(decode);
  return { name: name || "overview", path: rest, params: new URLSearchParams(query) };
}

/** @param {string} part */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * The address of a page, for links.
 * @param {string} name
 * @param {Record<string, string|string[]|null|undefined>|URLSearchParams} [params]
 * @param {...string} path
 */
export function linkTo(name, params = {}, ...path) {
  const query = params instanceof URLSearchParams ? params : queryOf(params);
  const search = query.toString();
  return `#/${[name, ...path].map(encodeURIComponent).join("/")}${search && `?${search}`}`;
}

/** @param {Record<string, string|string[]|null|undefined>} params */
function queryOf(params) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const item of [value].flat()) if (item) query.append(name, item);
  }
  return query;
}

/** Long enough for the browser to go back; where it cannot, nothing tells. */
const TRAVEL_MS = 1_000;

/** The place of the shown page among those that the browser goes back to; each entry of its history has its own. */
let place = 0;

/**
 * Takes a change of the address back until somebody has said that the page may be left.
 * @returns {Promise<boolean>} whether it may
 */
async function settle() {
  const wanted = location.hash;
  const to = placeOf(history.state);
  // An entry without a place was made just now, behind the shown one.
  const steps = (to ?? place + 1) - place;
  const answer = mayLeave();
  if (answer !== true) {
    await travel(-steps);
    if (!await answer) return false;
    if (to !== undefined) await travel(steps);
    else history.pushState(null, "", wanted);
  }
  place += steps;
  history.replaceState({ place }, "");
  return true;
}

/** @param {unknown} state @returns {number|undefined} */
function placeOf(state) {
  const { place: known } = /** @type {{ place?: unknown }} */ (state ?? {});
  return typeof known === "number" ? known : undefined;
}

/** @param {number} steps @returns {Promise<void>} */
function travel(steps) {
  return new Promise((resolve) => {
    addEventListener("hashchange", () => resolve(), { once: true });
    setTimeout(resolve, TRAVEL_MS);
    history.go(steps);
  });
}

/**
 * Shows the page of the address in this element, now and whenever the address changes.
 * @param {HTMLElement} main
 * @param {(name: string) => void} onPage told which page is shown
 * @param {AbortSignal} signal
 */
export function startRouter(main, onPage, signal) {
  const go = (/** @type {boolean} */ moved) => show(main, onPage, moved);
  let settling = false;
  addEventListener("hashchange", async () => {
    if (settling) return;
    settling = true;
    let isLeft = false;
    // The address may change again while somebody is asked.
    do isLeft = await settle() || isLeft; while (placeOf(history.state) !== place);
    settling = false;
    if (isLeft && !signal.aborted) go(true);
  }, { signal });
  // An entry that was made while nobody was signed in is the last one.
  place = placeOf(history.state) ?? history.length - 1;
  history.replaceState({ place }, "");
  signal.addEventListener("abort", () => left.abort());
  go(false);
}

/**
 * @param {HTMLElement} main
 * @param {(name: string) => void} onPage
 * @param {boolean} moved somebody went here, so the focus goes along
 */
async function show(main, onPage, moved) {
  left.abort();
  left = new AbortController();
  const { signal } = left;
  const { name, path, params } = parse(location.hash);
  const route = ROUTES.find((each) => each.name === name);
  onPage(name);
  document.title = `${route?.title ?? "No such page"} – hublet`;
  const late = setTimeout(() => signal.aborted || replace(main, loading("Loading the page…")), 150);
  /** @type {Element} */
  let page;
  try {
    if (!route) {
      page = failedPage("There is no such page.", "Choose one from the navigation.", h("a", { class: "button", href: "#/overview" }, "Go to the overview"));
    } else {
      const module = await load(name);
      page = await module.render({ params, path, signal, setParams });
    }
  } catch (error) {
    page = failedPage("The page could not be shown.", messageOf(error), h("button", { class: "button", type: "button", on: { click: () => show(main, onPage, true) } }, "Try again"));
  }
  clearTimeout(late);
  if (signal.aborted) return;
  replace(main, page);
  if (moved) {
    scrollTo(0, 0);
    const title = main.querySelector("h1");
    title?.setAttribute("tabindex", "-1");
    title?.focus({ preventScroll: true });
  }
}

/** @param {string} name @returns {Promise<PageModule>} */
async function load(name) {
  try {
    return await import(`./pages/${name}.js`);
  } catch {
    throw new Error("Its files could not be loaded: the service does not answer. Check that it runs, then try again; if that does not help, reload the page.");
  }
}

/** In place of a page; its title is the heading. @param {string} title @param {string} advice @param {Element} action */
function failedPage(title, advice, action) {
  return h("div", { class: "state bad", role: "alert" }, icon("error"), h("h1", { class: "title" }, title), h("p", {}, advice), action);
}

/** @param {Record<string, string|string[]|null|undefined>} params */
function setParams(params) {
  const { name, path } = parse(location.hash);
  history.replaceState(history.state, "", linkTo(name, params, ...path));
}
