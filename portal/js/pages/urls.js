// Makes client access URLs, says what is in them, and has a program that uses them.
import { get, messageOf, pathOf, post } from "../api.js";
import { h, replace, useStyle } from "../dom.js";
import { page } from "../components/page.js";
import { empty, failed } from "../components/states.js";
import { session } from "../session.js";
import { formCard } from "./urls/form.js";
import { resultCard } from "./urls/result.js";
import { hubProblem, readForm, rolesOf, writeForm } from "./urls/state.js";

/** @typedef {import("./urls/state.js").UrlForm} UrlForm */

/** @param {import("../router.js").Context} context */
export async function render({ params, signal, setParams }) {
  await useStyle("urls");
  const form = readForm(params);
  const box = h("div", {}, empty("There is no URL yet.", "Choose what the client may do, then press “Generate”."));
  /** @type {ReturnType<typeof resultCard>|undefined} */
  let result;

  const editor = formCard(form, {
    onChange: () => {
      setParams(writeForm(form));
      result?.outdate(form);
    },
    onGenerate: generate,
  });

  async function generate() {
    const problem = hubProblem(form.hub);
    editor.showHubProblem(problem);
    if (problem) return;
    editor.busy(true);
    try {
      const made = await makeUrl(form, signal);
      result = resultCard(made, structuredClone(form));
      replace(box, result.element);
    } catch (error) {
      if (!signal.aborted) replace(box, failed("The URL could not be made.", messageOf(error)));
    } finally {
      editor.busy(false);
    }
  }

  suggest(editor, form, signal);
  return page({
    title: "Client URL",
    lead: "A client connects with a URL that carries a token: who it is, what it may do, and for how long.",
    class: "urls",
  }, h("div", { class: "two" }, editor.element, box));
}

/**
 * @typedef {object} MadeUrl
 * @property {string} url
 * @property {string} token
 */

/** @param {UrlForm} form @param {AbortSignal} [signal] @returns {Promise<MadeUrl>} */
export async function makeUrl(form, signal) {
  const { token } = await post(pathOf`api/hubs/${form.hub}/:generateToken`, {
    query: { userId: form.user, role: rolesOf(form), group: form.groups, minutesToExpire: form.minutes },
    ...(signal && { signal }),
  });
  return { url: clientUrl(session().endpoint, form.hub, token), token };
}

/** @param {string} endpoint @param {string} hub @param {string} token */
function clientUrl(endpoint, hub, token) {
  const root = endpoint.replace(/^http/, "ws").replace(/\/$/, "");
  return `${root}/client/hubs/${encodeURIComponent(hub)}?access_token=${token}`;
}

/**
 * Offers the hubs and groups that there are. Without them everything still works.
 * @param {ReturnType<typeof formCard>} editor
 * @param {UrlForm} form
 * @param {AbortSignal} signal
 */
async function suggest(editor, form, signal) {
  try {
    const hubs = await get("api/ext/inventory", { query: { maxpagesize: 200 }, signal });
    editor.offerHubs(hubs.value.map((/** @type {import("../types.js").HubSummary} */ each) => each.hub));
    if (hubProblem(form.hub)) return;
    const groups = await get(pathOf`api/ext/hubs/${form.hub}/groups`, { query: { maxpagesize: 200 }, signal });
    editor.offerGroups(groups.value.map((/** @type {{ group: string }} */ each) => each.group));
  } catch {
    // Names can be typed.
  }
}
