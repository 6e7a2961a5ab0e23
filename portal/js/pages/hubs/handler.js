// The form of one event handler.
import { h, replace } from "../../dom.js";
import { checkbox, field, select } from "../../components/fields.js";
import { tagField } from "../../components/tags.js";
import { placed, property, several, userEvents } from "./fields.js";
import { assign } from "./settings.js";

/** @typedef {import("./fields.js").Form} Form */
/** @typedef {import("./settings.js").Handler} Handler */

/** What a handler is at first: it gets all events. @returns {Handler} */
export function newHandler() {
  return { urlTemplate: "", userEventPattern: "*", systemEvents: ["connect", "connected", "disconnected"] };
}

/**
 * @param {Form} form
 * @param {Handler} handler changed as somebody types
 * @param {number} index
 */
export function handlerForm(form, handler, index) {
  const path = `eventHandlers[${index}]`;
  return h("div", { class: "stack" },
    property(form, path, handler, "urlTemplate", {
      label: "URL template", class: "mono", placeholder: "https://app.example.com/api/{hub}/{event}",
      hint: "{hub} and {event} stand in the path or the query. builtin:echo sends back what clients send, without an app.",
    }),
    h("div", { class: "grid grid-2" },
      several(form, `${path}.systemEvents`, {
        legend: "System events", values: handler.systemEvents ?? [],
        options: [["connect", "may this client come in? The client waits"], ["connected", "it is in"], ["disconnected", "it is gone"]],
        onChange: (values) => assign(handler, "systemEvents", values),
      }),
      userEvents(form, path, handler)),
    h("details", { open: isSpecial(handler) }, h("summary", {}, "Who the request is from, group events, limits"),
      h("div", { class: "stack more" },
        authFields(form, path, handler),
        groupEvents(form, path, handler),
        limits(form, path, handler))));
}

/** Whether the rarer settings say something. @param {Handler} handler */
function isSpecial({ auth, groupPresenceEvents, durable, timeoutInSeconds, maxConcurrency }) {
  return (auth !== undefined && auth.type !== "None") || groupPresenceEvents !== undefined || durable === true
    || timeoutInSeconds !== undefined || maxConcurrency !== undefined;
}

/** @param {Form} form @param {string} path @param {Handler} handler */
function authFields(form, path, handler) {
  const more = h("div", { class: "grid grid-2" });
  const show = () => {
    const { auth } = handler;
    replace(more);
    if (auth?.type === "ManagedIdentity") {
      auth.managedIdentity ??= {};
      more.append(property(form, `${path}.auth.managedIdentity`, auth.managedIdentity, "resource", {
        label: "Resource", class: "mono", placeholder: "api://my-app", hint: "The audience of the token. The token comes from [identity] of the configuration.",
      }));
    } else if (auth?.type === "Header") {
      auth.header ??= {};
      more.append(
        property(form, `${path}.auth.header`, auth.header, "name", { label: "Header", class: "mono", placeholder: "X-Api-Key" }),
        property(form, `${path}.auth.header`, auth.header, "value", { label: "Value", class: "mono", hint: "A secret. *** keeps the one of before." }));
    }
    more.hidden = more.childElementCount === 0;
  };
  const control = select([
    ["None", "Nothing but the signature"], ["ManagedIdentity", "A token of this service's identity"], ["Header", "A header with a secret"],
  ], {
    value: handler.auth?.type ?? "None",
    on: {
      change: () => {
        assign(handler, "auth", control.value === "None" ? undefined : { type: control.value });
        show();
        form.changed();
      },
    },
  });
  show();
  return placed(form, `${path}.auth`, h("div", { class: "stack-s" }, field({ label: "Requests carry", control }).element, more));
}

/** @param {Form} form @param {string} path @param {Handler} handler */
function groupEvents(form, path, handler) {
  const events = handler.groupPresenceEvents ?? {};
  const take = () => assign(handler, "groupPresenceEvents", events.eventNames || events.groupFilters ? events : undefined);
  const filters = tagField({
    label: "Groups", optional: true, values: events.groupFilters ?? [], placeholder: "chat*",
    hint: "* is anything between dots, ** also across dots, ? one character. Without a filter: all groups.",
    onChange: (values) => { assign(events, "groupFilters", values); take(); form.changed(); },
  });
  return h("div", { class: "grid grid-2" },
    several(form, `${path}.groupPresenceEvents`, {
      legend: "Group events", values: events.eventNames ?? [],
      options: [["joined", "a client is in a group now"], ["left", "it is no longer in it"]],
      onChange: (values) => { assign(events, "eventNames", values); take(); },
    }),
    placed(form, `${path}.groupPresenceEvents.groupFilters`, filters.element));
}

/** @param {Form} form @param {string} path @param {Handler} handler */
function limits(form, path, handler) {
  const durable = checkbox({
    label: "Durable", hint: "Notifications wait on the disk until the handler has them, also after a crash.", checked: handler.durable === true,
    onChange: (checked) => { assign(handler, "durable", checked || undefined); form.changed(); },
  });
  return h("div", { class: "grid grid-3" },
    property(form, path, handler, "timeoutInSeconds", {
      label: "Time for an event, in seconds", optional: true, number: [1, 600], placeholder: "100", hint: "With all its retries."
    }),
    property(form, path, handler, "maxConcurrency", { label: "Requests at a time", optional: true, number: [1, 10_000], placeholder: "256", hint: "On each thread." }),
    placed(form, `${path}.durable`, h("div", {}, durable.element)));
}
