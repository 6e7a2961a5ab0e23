// The webhook doctor: asks and tries each handler, and says what to fix.
import { messageOf, pathOf, post } from "../../api.js";
import { h, replace } from "../../dom.js";
import { icon } from "../../icons.js";
import { mayChange } from "../../session.js";
import { HANDLERS_S } from "../../components/exchange.js";
import { badge, card } from "../../components/page.js";
import { empty, loading, notice } from "../../components/states.js";

/** @typedef {{ name: string, ok: boolean, sentence: string }} Step */
/** @typedef {{ urlTemplate: string, ok: boolean, steps: Step[], sentence: string }} Report */

/** @type {Record<string, [string, string]>} */
const STEPS = {
  validation: ["Permission", "Does the handler want events of this service?"],
  event: ["Sample event", "What does it answer to an event?"],
};

/**
 * @param {string} hub
 * @param {{ signal: AbortSignal, isDirty: () => boolean }} options
 */
export function doctor(hub, { signal, isDirty }) {
  const results = h("div", { class: "stack", "aria-live": "polite" });
  const button = h("button", { class: "button primary", type: "button", disabled: !mayChange(), on: { click: run } }, icon("play"), "Test the handlers");
  async function run() {
    button.disabled = true;
    replace(results, loading("Asking the handlers…"));
    try {
      /** @type {{ handlers: Report[] }} */
      const { handlers } = await post(pathOf`api/ext/hubs/${hub}/:test`, { signal, patience: HANDLERS_S });
      replace(results, ...handlers.map((report, index) => shown(report, index)),
        handlers.length === 0 ? card({}, empty("This hub has no handlers.", "Add one on the tab “Settings” and save it.")) : null);
    } catch (error) {
      if (!signal.aborted) replace(results, notice("bad", "The test could not be made.", messageOf(error)));
    } finally {
      button.disabled = false;
    }
  }
  return h("div", { class: "stack" },
    card({}, h("div", { class: "row-between" },
      h("p", { class: "lead" }, "Runs the real check of abuse protection against each handler, sends it a sample event, and says what is wrong and what to change."),
      button)),
    isDirty() ? notice("warn", "The test uses the settings that are saved.", "Save your changes to test them.") : null,
    mayChange() ? null : notice("note", "This session may only read.", "Sign in with an access key to test handlers."),
    results);
}

/** @param {Report} report @param {number} index */
function shown({ urlTemplate, ok, steps, sentence }, index) {
  return card({ title: `Handler ${index + 1}`, note: ok ? badge("Works", "good") : badge("Does not work", "bad") },
    h("div", { class: "stack-s" },
      h("p", { class: "mono small url" }, urlTemplate),
      h("ol", { class: "steps" }, steps.map((step) => h("li", { class: step.ok ? "good" : "bad" },
        h("span", { class: "sign" }, icon(step.ok ? "check" : "error")),
        h("div", {},
          h("p", { class: "step" }, STEPS[step.name]?.[0] ?? step.name, h("span", { class: "hush" }, step.ok ? ": good" : ": failed"),
            h("span", { class: "quiet" }, ` ${STEPS[step.name]?.[1] ?? ""}`)),
          h("p", {}, step.sentence))))),
      // Where a step has said it, it is not said twice.
      ok || steps.some((step) => step.sentence === sentence) ? null : notice("bad", sentence)));
}
